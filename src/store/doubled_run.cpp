#include "store/doubled_run.hpp"

#include <spdlog/fmt/chrono.h>
#include <spdlog/fmt/fmt.h>

namespace peercron {
namespace {

std::string moment(WallTime time)
{
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                       (time - seconds).count());
}

std::string account(const RunReport& report)
{
    if (!has_started(report.state, report.started_at)) {
        return fmt::format("did not run ({})", to_string(report.state));
    }
    std::string text = "ran";
    if (!report.run_server.empty()) text += " at " + report.run_server;
    if (report.started_at) text += " from " + moment(*report.started_at);
    return fmt::format("{} ({})", text, to_string(report.state));
}

}  // namespace

bool contradicts(const StoredAccount& row, const RunReport& report)
{
    if (!has_started(report.state, report.started_at)) return false;
    if (!has_started(row.state, row.started_at)) {
        // Taken back, and planned again since.
        const bool was_reopened = row.state == RunState::revoked && report.epoch >= row.epoch;
        return is_final(row.state) && row.state != RunState::lost && !was_reopened;
    }
    const bool elsewhere = !row.run_server.empty() && !report.run_server.empty() &&
                           row.run_server != report.run_server;
    const bool at_another_moment =
        row.started_at && report.started_at && *row.started_at != *report.started_at;
    return elsewhere || at_another_moment;
}

bool completes(const StoredAccount& row, const RunReport& report)
{
    return row.state == report.state && row.run_server == report.run_server &&
           row.started_at == report.started_at;
}

std::string to_string(const DoubledRun& doubled)
{
    return fmt::format("two reports: it {}, and it {}", account(doubled.row),
                       account(doubled.other.report));
}

}  // namespace peercron
