#pragma once

#include "model/job.hpp"

#include <string>
#include <string_view>

namespace peercron {

/// Logs that `text` stands in a member of a job and `taken` is what counts; at most once a minute
/// and thread.
void warn_of_unknown_policy(JobId job, std::string_view member, std::string_view text,
                            std::string_view taken, const std::string& allowed);

/// The policy that a row or a revision names. MySQL turns a word that it does not know into an
/// empty one unless it is strict, and a newer peercron may have more words: what is unknown is the
/// default, so that one bad row is no reason to read none.
/// @param member of the job, "overlap".
template <class Policy>
Policy read_policy(JobId job, std::string_view member, std::string_view text)
{
    if (const auto policy = parse_policy<Policy>(text)) return *policy;
    constexpr Policy by_default{};
    warn_of_unknown_policy(job, member, text, policy_name(by_default), policy_list<Policy>());
    return by_default;
}

}  // namespace peercron
