#pragma once

#include "base/clock.hpp"
#include "dispatch/job_table.hpp"
#include "model/requires.hpp"
#include "model/run.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace peercron {

/// What the ledger is asked for a fire whose job requires others.
struct RequiredQuestion {
    RunId fire;
    std::vector<std::string> names;
    RequiredTimes times;
    WallTime until{};  ///< rows of later moments do not count
};

/// What it says: of each of the names, in their order.
struct RequiredFinding {
    RequiredQuestion question;
    std::vector<RequiredJob> jobs;
};

/// The fires that wait for what their jobs require (model/requires.hpp). They have rows, which say
/// so, and are open runs at no node: they hold no slot and no lock.
///
/// Only the ledger is believed: what this dispatcher has been told of a run, and the ledger has
/// not, decides nothing, but the question is put again. So the rows of what has run, or was
/// skipped, are reason enough for it. What waits is in the ledger alone, and a new dispatcher asks
/// again. Pure; no clock of its own. One thread.
class Requirements {
public:
    explicit Requirements(const JobTable& jobs) : jobs_(jobs) {}

    // The fires.

    /// The fire waits, by its job as that is now.
    void hold(const RunId& fire);
    /// It waits no more.
    void forget(const RunId& fire);
    bool is_empty() const { return held_.empty(); }

    // Questions.

    /// A run of the job has ended: what waits for it is asked for soon.
    void ended(JobId job, WallTime now);
    /// nullopt: there is none while nothing happens.
    std::optional<WallTime> next_question() const;
    /// Those to be asked now, when all steps are stored that were made before; then found() is
    /// called.
    /// @param planned_through rows of later moments are not written yet.
    std::vector<RequiredQuestion> take_questions(WallTime now, WallTime planned_through,
                                                 std::size_t most);
    /// @param is_open whether this dispatcher knows an attempt of that fire as open.
    void found(std::vector<RequiredFinding> findings, WallTime now,
               const std::function<bool(const RunId&)>& is_open);

    // Answers.

    struct Decided {
        RunId fire;
        RequiredTimes times;
        RequiredVerdict verdict;  ///< runs, or skipped
    };
    bool has_decided() const { return !decided_.empty(); }
    /// Takes them out; they wait no more.
    std::vector<Decided> take_decided();

private:
    struct Held {
        WallTime ask_at{};
        std::chrono::milliseconds pause{};  ///< from one question to the next
        std::vector<std::string> names;
        bool is_asked = false;
        bool has_news = false;  ///< since it was asked
    };

    void ask_at(const RunId& fire, Held& held, WallTime at);
    void judge(const RequiredFinding& finding, Held& held, const PlannedJob& planned, WallTime now,
               const std::function<bool(const RunId&)>& is_open);

    const JobTable& jobs_;
    std::map<RunId, Held> held_;
    std::set<std::pair<WallTime, RunId>> by_time_;  ///< those that are not being asked for
    std::map<std::string, std::set<RunId>> by_name_;
    std::map<RunId, Decided> decided_;
};

}  // namespace peercron
