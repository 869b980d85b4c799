#include "api/where_view.hpp"

#include "model/labels.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstdint>

namespace peercron {

std::vector<std::string> where_warnings(const Job& job, std::span<const Member> members,
                                        std::span<const NodeLoad> loads)
{
    if (members.empty()) return {};
    // 0: it has not said yet.
    const auto slots_of = [&](const NodeName& node) -> std::int64_t {
        const auto load = std::ranges::find(loads, node, &NodeLoad::node);
        return load == loads.end() || load->slots == 0 ? job.weight : load->slots;
    };
    bool fits_any = false;
    std::int64_t most_slots = 0;
    for (const Member& member : members) {
        if (!may_run_on(job.run_on, labels_of(member.name, member.labels))) continue;
        fits_any = true;
        most_slots = std::max(most_slots, slots_of(member.name));
    }
    if (!fits_any) {
        return {
            fmt::format("no node fits run_on {} now; fires that find none in time are skipped "
                        "(no-node)",
                        fmt::join(job.run_on, ", "))};
    }
    if (most_slots < job.weight) {
        return {
            fmt::format("weight is {}, and no node that it may run on has more than {} slots; "
                        "fires that find none in time are skipped (no-node)",
                        job.weight, most_slots)};
    }
    return {};
}

}  // namespace peercron
