#pragma once

#include "base/clock.hpp"
#include "model/calendar.hpp"
#include "model/pause.hpp"
#include "model/revision.hpp"
#include "schedule/schedule.hpp"
#include "store/store.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// What came of a moment of a job, for programs. All but the last five are of a fire that has a
/// row.
enum class Verdict : std::uint8_t {
    ran,
    failed,  ///< or reached its timeout, or was fenced
    killed,
    lost,
    missed,
    skipped,     ///< as its owner wants
    taken_back,  ///< its job was changed before it could start
    running,
    waiting,    ///< it is planned, or at a node, and has not started
    retrying,   ///< a further attempt waits for its time
    future,     ///< it is due, and its time is to come
    unplanned,  ///< it was due, and no node has planned that far
    forgotten,  ///< it is older than the ledger
    missing,    ///< it was due, and has no row
    not_due,
};
std::string_view to_string(Verdict verdict);

/// What is known about a moment of a job.
struct Circumstances {
    WallTime now{};
    std::optional<WallTime> at;  ///< not set: whatever was due last
    std::string default_zone = "UTC";

    JobId id = 0;
    std::optional<Job> job;  ///< as it is now
    /// See JobPast: from the version on that was valid at the moment.
    std::vector<Revision> revisions;
    /// The job's newest rows that were due up to a second after the moment, newest first.
    std::vector<LogRow> rows;
    std::optional<WallTime> ledger_begin;     ///< see LedgerExtent
    std::optional<WallTime> planned_through;  ///< likewise
    std::string dispatcher;                   ///< empty: there is none
    std::vector<Pause> pauses;                ///< those that there were, and will be
    std::vector<Calendar> calendars;          ///< likewise
    std::optional<std::chrono::milliseconds> usual_time;
};

/// A thing to know, with the moment that it is about.
struct Fact {
    /// definition, revision, window, pause, calendar, requires, plan, row, parent, node
    std::string_view about;
    std::string text;
    std::optional<WallTime> at;
};

/// Why a job ran, or did not run, at a moment.
struct Explanation {
    WallTime at{};     ///< the fire, or the moment that was asked for
    std::string zone;  ///< the job's at that moment: that of the times in sentences
    Verdict verdict = Verdict::not_due;
    std::string answer;  ///< a sentence or two
    std::vector<Fact> facts;
    std::optional<LogRow> row;  ///< the fire's newest attempt; of several parts, the worst one's
    std::optional<LogRow> blocker;  ///< the run that was in its way
    std::optional<WallTime> previous_fire;
    std::optional<WallTime> next_fire;
};

/// What is asked about where no moment is named: the newest of the rows, which are newest first;
/// what was taken back is no news. nullptr: there is none.
const LogRow* newest_news(std::span<const LogRow> rows);

/// Pure. Times in sentences are by the clocks of the job's zone.
Explanation explain(const Circumstances& known);

}  // namespace peercron
