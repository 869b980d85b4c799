#include "store/read_rows.hpp"

namespace peercron {

RunState read_state(std::string_view text)
{
    if (const auto state = parse_run_state(text)) return *state;
    throw StoreError("table log has a state that this program does not know: " + std::string(text));
}

std::vector<JobPast> pasts_of(std::span<const JobId> jobs, std::vector<Revision> revisions,
                              std::size_t most)
{
    const bool cut = revisions.size() >= most && !revisions.empty();
    const JobId last = cut ? revisions.back().job : 0;
    std::vector<JobPast> pasts;
    auto next = revisions.begin();
    for (const JobId job : jobs) {
        if (cut && job == last && !pasts.empty()) break;
        JobPast past;
        past.job = job;
        past.whole = !cut || job != last;
        for (; next != revisions.end() && next->job == job; ++next) {
            past.revisions.push_back(std::move(*next));
        }
        const bool behind = cut && job == last;
        pasts.push_back(std::move(past));
        if (behind) break;
    }
    return pasts;
}

}  // namespace peercron
