#pragma once

#include "model/job.hpp"
#include "model/tags.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

// What a job inherits of what is told about it, and of what is expected of it: its own word counts,
// then that of its tags, then that of all jobs. Everything that acts on these settings asks here.

/// What counts for jobs with a tag, where they say nothing themselves. What is empty or 0 is as for
/// other jobs.
struct TagNotices {
    std::string tag = {};
    std::vector<std::string> channels = {};
    std::vector<std::string> notify_on = {};
    std::int64_t notify_after = 0;
    std::chrono::seconds notify_every{0};
    std::chrono::seconds late_after{0};
    std::chrono::seconds slow_after{0};
    std::chrono::seconds expect_every{0};
    std::string expect_by = {};
    std::chrono::milliseconds late_goal{0};
};

/// What counts where a job says nothing.
struct NoticeDefaults {
    std::vector<std::string> notify_on{"failing", "recovered", "missed"};
    std::int64_t notify_after = 1;
    std::chrono::seconds notify_every{0};
    std::chrono::seconds late_after{60};
    std::chrono::seconds slow_after{0};    ///< 0: as is usual for the job
    std::chrono::seconds expect_every{0};  ///< 0: any time
    std::string expect_by;                 ///< empty: nothing
    std::chrono::milliseconds late_goal{0};
    std::string time_zone = "UTC";
    std::vector<TagNotices> tags;  ///< of several that have it, the first one decides
};

/// What the first of these tags says that says anything; nullptr: none does.
template <class Value>
const Value* of_tags(const NoticeDefaults& defaults, const std::vector<std::string>& tags,
                     Value TagNotices::*member)
{
    for (const TagNotices& entry : defaults.tags) {
        if (entry.*member != Value{} && has_tag(tags, entry.tag)) return &(entry.*member);
    }
    return nullptr;
}

/// What counts for a job that says `own` and has these tags.
template <class Value>
const Value& inherited(const NoticeDefaults& defaults, const std::vector<std::string>& tags,
                       const Value& own, Value TagNotices::*of_tag, Value NoticeDefaults::*of_all)
{
    if (own != Value{}) return own;
    const Value* const found = of_tags(defaults, tags, of_tag);
    return found != nullptr ? *found : defaults.*of_all;
}

/// With it as `expect_by`, nothing is expected that is said after it: of a job, what its tags and
/// all jobs say; of a tag, what the tags behind it and all jobs say.
inline constexpr std::string_view expects_nothing = "none";

/// The successes that are expected of a job.
struct Expectation {
    std::chrono::seconds every{0};  ///< from one to the next; 0: any time
    std::string by;                 ///< "04:00": one each day by then; empty: any time

    bool is_none() const { return every.count() == 0 && by.empty(); }

    friend bool operator==(const Expectation&, const Expectation&) = default;
};

/// What the job says itself.
Expectation own_expectation(const Job& job);

/// With what it inherits. A job without a schedule that runs after no other inherits nothing: it
/// succeeds when somebody starts it.
Expectation expectation_of(const NoticeDefaults& defaults, const Job& job);

/// The part of expectation_of() that the job does not say itself.
Expectation inherited_expectation(const NoticeDefaults& defaults, const Job& job);

/// Whether what is said at one place decides that something is expected, or that nothing is;
/// nullopt: neither. The first place that decides it decides it for the job (expectation_of()).
std::optional<bool> expects_success(std::chrono::seconds every, std::string_view by);

/// What the statistics of a job measure its runs by.
struct RunLimits {
    std::chrono::seconds slow_after{0};      ///< 0: as is usual for the job
    std::chrono::milliseconds late_goal{0};  ///< 0: none
};

/// @param own what the job says itself.
RunLimits run_limits(const NoticeDefaults& defaults, const RunLimits& own,
                     const std::vector<std::string>& tags, JobKind kind);
RunLimits run_limits(const NoticeDefaults& defaults, const Job& job);

}  // namespace peercron
