#pragma once

#include "base/clock.hpp"
#include "model/job.hpp"
#include "model/run.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// What somebody is told.
enum class NoticeKind : std::uint8_t {
    // Changes of a job: told once, and again after Job::notify_every.
    failing,    ///< as many fires in a row as Job::notify_after have failed
    recovered,  ///< what was told is over
    missed,     ///< a fire was missed, see model/missed.hpp
    late,       ///< a run started later than Job::late_after
    slow,       ///< a run took longer than Job::slow_after
    silent,     ///< there was no success in the time of Job::expect_every or Job::expect_by
    flapping,   ///< it changes too often to be told each time
    // Single runs.
    failed,  ///< after its last attempt
    success,
    skipped,
    lost,
    test,     ///< somebody tries a channel
    grouped,  ///< several notices in one message
    fast,     ///< a run took less than a third of what is usual; a change, as `slow`
    // Nodes and the cluster: see notify/cluster_rules.hpp.
    node_gone,
    no_dispatcher,
    store_away,
    journal_failing,
    clock_off,
    audit_finding,
    certificate_expires,
};

/// By NoticeKind. These words stand in messages and ids: they never change.
inline constexpr std::array<std::string_view, 21> notice_words{
    "failing",       "recovered",     "missed",
    "late",          "slow",          "silent",
    "flapping",      "failed",        "success",
    "skipped",       "lost",          "test",
    "grouped",       "fast",          "node-gone",
    "no-dispatcher", "store-away",    "journal-failing",
    "clock-off",     "audit-finding", "certificate-expires"};

constexpr std::string_view to_string(NoticeKind kind)
{
    return notice_words[static_cast<std::size_t>(kind)];
}

/// A word that Job::notify_on may have. What a job expects (`silent`), and `flapping`, are told
/// without being asked for by a word.
std::optional<NoticeKind> parse_notice_word(std::string_view word);

/// Whether it is about a node or the cluster, and not about a job.
constexpr bool is_about_cluster(NoticeKind kind)
{
    return kind >= NoticeKind::node_gone;
}

/// One thing that is told, wherever it is told.
struct Notice {
    /// The same for the same thing, whichever dispatcher finds it and however often it is sent:
    /// "failing-12-1795744800000", from the kind, the job and the moment.
    std::string id;
    NoticeKind kind = NoticeKind::test;
    WallTime at{};         ///< when it happened
    JobId job = 0;         ///< 0: it is about a node or the cluster
    std::string job_name;  ///< empty = none
    std::vector<std::string> tags;

    /// Of the run that it is about, if there is one.
    struct Run {
        std::int64_t id = 0;  ///< in the ledger
        WallTime scheduled_at{};
        std::int32_t attempt = 1;
        std::int32_t part = 0;
        RunState state = RunState::failed;
        std::string reason;  ///< as to_string(Reason) has it
        NodeName node;
        std::optional<WallTime> started_at;
        std::optional<WallTime> ended_at;
        std::optional<int> exit_code;
        std::optional<int> http_status;
        std::string output;  ///< its end

        friend bool operator==(const Run&, const Run&) = default;
    };
    std::optional<Run> run;

    std::int64_t count = 1;         ///< fires that have failed in a row, or were missed
    std::optional<WallTime> since;  ///< since when it goes on, or did
    std::vector<NoticeKind> over;   ///< of `recovered`: what it was
    bool is_reminder = false;       ///< it was told before
    std::vector<Notice> notices;    ///< of `grouped`: which, without outputs
    NodeName node;                  ///< that it is about; empty: a job or the cluster
    std::string detail;             ///< what more there is to say about a node or the cluster

    /// The kind that it is about, for one that says how something went on: what is over, or keeps
    /// changing.
    NoticeKind subject() const
    {
        const bool is_of_another = kind == NoticeKind::recovered || kind == NoticeKind::flapping;
        return is_of_another && !over.empty() ? over.front() : kind;
    }

    friend bool operator==(const Notice&, const Notice&) = default;
};

}  // namespace peercron
