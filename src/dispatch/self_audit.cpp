#include "dispatch/self_audit.hpp"

#include "base/counted.hpp"
#include "base/event.hpp"
#include "dispatch/dispatcher_metrics.hpp"
#include "dispatch/until_it_works.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds first_audit = 5min;
/// What could not be judged at the end of the last audit.
constexpr auto range_overlap = 1min;
constexpr std::size_t findings_told = 5;
constexpr auto shortest_pause = 20ms;

}  // namespace

asio::awaitable<void> SelfAudit::run()
{
    co_await sleep_for(std::min(first_audit, interval_));
    for (;;) {
        const SteadyTime begun = clock_.steady_now();
        co_await audit();
        const auto took = clock_.steady_now() - begun;
        co_await sleep_for(std::max<SteadyTime::duration>(interval_ - took, shortest_pause));
    }
}

asio::awaitable<void> SelfAudit::audit()
{
    const WallTime now = clock_.now();
    const AuditRange range{now - interval_ - range_overlap, now};
    Audit audit(range, std::nullopt, rules_, now);
    std::vector<Finding> first;
    while (!audit.done()) {
        co_await step(audit);
        for (Finding& finding : audit.take_findings()) {
            if (first.size() < findings_told) first.push_back(std::move(finding));
        }
    }
    metrics_.audited(audit.report(), now);
    tell(audit.report(), first);
}

/// One step, however often the store must be asked, and the pause after it.
asio::awaitable<void> SelfAudit::step(Audit& audit)
{
    Retry retry;
    retry.trouble = "audit: the ledger cannot be read";
    retry.first_pause = 1s;
    retry.longest_pause = 1min;
    SteadyTime begun{};
    const auto attempt = [&] {
        begun = clock_.steady_now();
        return store_.call([&audit](Store& store) { audit.step(store); });
    };
    co_await until_it_works(retry, attempt);
    const auto took = clock_.steady_now() - begun;
    co_await sleep_for(pause_after(took));
}

void SelfAudit::tell(const AuditReport& report, const std::vector<Finding>& first)
{
    const std::string range =
        fmt::format("of {} from {} to {}", counted(report.jobs, "job"),
                    time_text(report.judged.from), time_text(report.judged.to));
    if (report.clean()) {
        news_ = AuditNews{true, ""};
        spdlog::info("audit: clean: {} {}, all in the ledger", counted(report.due, "due fire"),
                     range);
        return;
    }
    std::string kinds;
    for (std::size_t kind = 0; kind < finding_names.size(); ++kind) {
        if (report.found[kind] == 0) continue;
        kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", report.found[kind],
                             finding_names[kind]);
    }
    if (report.unplanned) {
        kinds += fmt::format("{}no node planned for a while", kinds.empty() ? "" : ", ");
    }
    news_ =
        AuditNews{false, fmt::format("{}; {} {}", kinds, counted(report.due, "due fire"), range)};
    spdlog::warn("audit: not clean: {}; {} {}; `peercron audit` shows all of it", kinds,
                 counted(report.due, "due fire"), range);
    for (const Finding& finding : first) spdlog::warn("audit: {}", to_string(finding));
}

}  // namespace peercron
