#include "audit/finding.hpp"

#include "store/store.hpp"

#include <spdlog/fmt/chrono.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <utility>

namespace peercron {

std::string time_text(WallTime time)
{
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)));
}

Finding finding_of(FindingKind kind, const RunId& run, const LedgerEntry* row, std::string what)
{
    Finding finding;
    finding.kind = kind;
    finding.run = run;
    finding.until = run.scheduled_at;
    if (row != nullptr) {
        finding.state = row->state;
        finding.started_at = row->started_at;
    }
    finding.what = std::move(what);
    return finding;
}

std::string to_string(const Finding& finding)
{
    if (finding.run.job == 0) return fmt::format("{}: {}", to_string(finding.kind), finding.what);
    return fmt::format("{}: {}: {}", to_string(finding.run), to_string(finding.kind), finding.what);
}

bool AuditReport::clean() const
{
    return !unplanned && std::ranges::all_of(found, [](std::int64_t count) { return count == 0; });
}

}  // namespace peercron
