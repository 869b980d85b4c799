#include "exec/revocations_under_way.hpp"

#include <algorithm>
#include <utility>

namespace peercron {

void RevocationsUnderWay::add(std::vector<RunId> revoked, std::vector<RunId> starting,
                              Answer answer)
{
    if (starting.empty()) {
        answer(std::move(revoked));
    } else {
        revocations_.push_back({std::move(revoked), std::move(starting), std::move(answer)});
    }
}

bool RevocationsUnderWay::wait_for(const RunId& run) const
{
    return std::ranges::any_of(revocations_, [&](const Revocation& revocation) {
        return std::ranges::find(revocation.starting, run) != revocation.starting.end();
    });
}

void RevocationsUnderWay::decide(const RunId& run, bool is_revoked)
{
    std::vector<Revocation> decided;
    std::erase_if(revocations_, [&](Revocation& revocation) {
        const bool waited = std::erase(revocation.starting, run) > 0;
        if (waited && is_revoked) revocation.revoked.push_back(run);
        if (!revocation.starting.empty()) return false;
        decided.push_back(std::move(revocation));
        return true;
    });
    for (Revocation& revocation : decided) revocation.answer(std::move(revocation.revoked));
}

}  // namespace peercron
