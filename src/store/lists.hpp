#pragma once

#include "base/clock.hpp"
#include "model/job_fields.hpp"
#include "model/run.hpp"
#include "model/unusual.hpp"
#include "store/id_blocks.hpp"

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace peercron {

// A list of the store: a filter says which rows it has, a Slice which of them are wanted, and a
// PageHint where they are known to be. Filters that are equal mean the same list.

/// Jobs that have this word in a field that is a list of words.
struct WordFilter {
    const JobField* field = nullptr;
    std::string word;

    friend auto operator<=>(const WordFilter&, const WordFilter&) = default;
};

/// What the ledger and the job say together: see model/outcome.hpp. All but the first two, and
/// `running`, are of jobs that are not stopped.
enum class JobState : std::uint8_t {
    enabled,
    stopped,
    failing,  ///< the newest fire failed
    missed,   ///< the newest fire was missed or lost
    running,
    ok,     ///< the newest fire ended well, or was skipped as its owner wants
    fresh,  ///< nothing is known of any fire
};

/// By JobState, as the API names them.
inline constexpr std::array<std::string_view, 7> job_state_words{
    "enabled", "stopped", "failing", "missed", "running", "ok", "new"};

/// What jobs are listed by; those that have no such value come last, equal ones by their ids.
enum class JobOrder : std::uint8_t {
    id,
    name,
    state,  ///< failing, missed, ok, new, stopped
    last_run_at,
    usual_time,
    late_p99,
};

/// By JobOrder, as the API names them.
inline constexpr std::array<std::string_view, 6> job_order_words{
    "id", "name", "state", "last_run_at", "usual_time", "late_p99"};

/// Jobs, by ascending ids if not said otherwise.
struct JobFilter {
    std::optional<std::string> search;  ///< a part of name, command or remark, taken literally
    std::optional<std::string> name;    ///< the whole name
    std::vector<WordFilter> words;      ///< all of them
    std::vector<std::string> any_tag;   ///< jobs with one of these tags; empty = all
    std::optional<JobState> state;
    JobOrder order = JobOrder::id;
    bool descending = false;

    bool is_by_id() const { return order == JobOrder::id && !descending; }

    friend auto operator<=>(const JobFilter&, const JobFilter&) = default;
};

/// Rows of the ledger, by descending ids; with after_id by ascending ones.
struct LogFilter {
    std::optional<JobId> cron_id;
    std::optional<RunState> state;      ///< not set: all but planned
    bool missed = false;                ///< only fires that are missed (model/missed.hpp)
    bool unusual = false;               ///< only runs that were not as usual (model/unusual.hpp),
    std::optional<Oddity> oddity;       ///< and, if this is set, in this
    std::optional<WallTime> from;       ///< scheduled_at >= from
    std::optional<WallTime> to;         ///< scheduled_at < to
    std::optional<std::string> search;  ///< a part of the output, taken literally
    std::optional<std::string> dispatch_server;
    std::optional<std::string> run_server;
    std::optional<std::int64_t> after_id;  ///< rows with a greater id, planned ones too
    std::vector<std::int64_t> ids;         ///< only these, planned ones too; empty = all
    std::optional<std::string> tag;        ///< of jobs that are there and have this tag,
    std::vector<std::string> any_tag;      ///< and one of these; empty = all

    bool has_tags() const { return tag || !any_tag.empty(); }

    /// Whether ids are given: a client follows a few rows, and asks for others the next time.
    bool is_by_id() const { return after_id || !ids.empty(); }

    bool has_time() const { return from || to; }

    /// Whether a time is all that is given: its index is not in the list's order, so it helps to
    /// know where the rows are, even for the first page.
    bool is_time_only() const { return has_time() && *this == time_alone(); }

    /// The list of all rows of its time, which has all rows of this one.
    LogFilter time_alone() const
    {
        LogFilter time;
        time.from = from;
        time.to = to;
        return time;
    }

    friend auto operator<=>(const LogFilter&, const LogFilter&) = default;
};

using ListFilter = std::variant<JobFilter, LogFilter>;

/// The rows of a list from the one at `offset` (the first is at 0) on, `limit` at most.
struct Slice {
    std::size_t offset = 0;
    std::size_t limit = 50;

    friend auto operator<=>(const Slice&, const Slice&) = default;
};

/// Where rows are, as counted before. What is found is the same without it, but for rows deleted
/// since (see IdBlocks); a far page is found sooner with it.
struct PageHint {
    std::shared_ptr<const IdBlocks> list;  ///< the rows of the list
    std::shared_ptr<const IdBlocks> time;  ///< those of LogFilter::time_alone()
};

/// How many rows a list has, or a part of it, and where they are.
struct ListCount {
    std::int64_t rows = 0;
    /// Empty for a list that rows may leave otherwise than by deletion (by their state), or whose
    /// ids are given.
    IdBlocks blocks;
    std::optional<CountRest> rest;  ///< what is still to be counted; none = nothing
};

}  // namespace peercron
