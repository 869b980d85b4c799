#include "insight/why.hpp"

#include "insight/words.hpp"
#include "model/chain.hpp"
#include "model/jitter.hpp"
#include "model/job_zone.hpp"
#include "model/missed.hpp"
#include "model/requires.hpp"
#include "model/run_request.hpp"
#include "schedule/calendars.hpp"
#include "schedule/describe.hpp"
#include "schedule/fire_before.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, 15> verdict_words{
    "ran",     "failed",   "killed", "lost",      "missed",    "skipped", "taken-back", "running",
    "waiting", "retrying", "future", "unplanned", "forgotten", "missing", "not-due"};

/// How parts of a fire may have fared, and the words for it. The one that most needs an explanation
/// comes first.
struct Fate {
    Verdict verdict;
    std::string_view words;
};
constexpr std::array fates{
    Fate{Verdict::failed, "failed"},         Fate{Verdict::lost, "lost"},
    Fate{Verdict::missed, "missed"},         Fate{Verdict::killed, "killed"},
    Fate{Verdict::retrying, "retrying"},     Fate{Verdict::skipped, "skipped"},
    Fate{Verdict::waiting, "waiting"},       Fate{Verdict::running, "running"},
    Fate{Verdict::future, "to come"},        Fate{Verdict::ran, "succeeded"},
    Fate{Verdict::taken_back, "taken back"},
};

/// The job as it was at the moment, and what it says.
struct Version {
    std::optional<Job> job;
    const Revision* revision = nullptr;  ///< which made it so; none: it is not known
    std::optional<Schedule> schedule;
    const TimeZone* zone = nullptr;
    std::string zone_name;
    std::string problem;  ///< why there is no schedule
};

Verdict verdict_of(const LogRow& row, WallTime now)
{
    const RunReport& run = row.run;
    switch (run.state) {
        case RunState::success:
            return Verdict::ran;
        case RunState::failed:
        case RunState::timeout:
        case RunState::fenced:
            return Verdict::failed;
        case RunState::killed:
            return Verdict::killed;
        case RunState::lost:
            return Verdict::lost;
        case RunState::running:
            return Verdict::running;
        case RunState::revoked:
            return Verdict::taken_back;
        case RunState::skipped:
            return missed_word(run.state, run.reason.cause, Delivery::at_most_once)
                       ? Verdict::missed
                       : Verdict::skipped;
        case RunState::planned:
            break;
    }
    if (row.retry_at && run.id.attempt > 1) return Verdict::retrying;
    return row.retry_at.value_or(run.id.scheduled_at) > now ? Verdict::future : Verdict::waiting;
}

/// Whether the run was alive at that moment.
bool was_alive(const LogRow& row, WallTime at)
{
    const RunReport& run = row.run;
    if (!run.started_at || *run.started_at > at) return false;
    return !run.ended_at || *run.ended_at > at;
}

class Explainer {
public:
    explicit Explainer(const Circumstances& known) : known_(known)
    {
        found_.at = known.at ? *known.at : last_moment();
        version_ = version_at(found_.at);
        found_.zone = version_.zone_name;
        find_fire();
    }

    Explanation take()
    {
        note_definition();
        note_pauses();
        note_calendars();
        note_required();
        note_neighbours();
        if (found_.row) {
            explain_row();
        } else if (is_due_) {
            explain_lack_of_row();
        } else {
            explain_not_due();
        }
        note_plan();
        return std::move(found_);
    }

private:
    WallTime last_moment() const
    {
        const LogRow* const newest = newest_news(known_.rows);
        return newest == nullptr ? known_.now : newest->run.id.scheduled_at;
    }

    Version version_at(WallTime at) const
    {
        Version version;
        for (const Revision& revision : known_.revisions) {
            const bool is_valid = revision.effective_from < at;
            if (!is_valid) break;
            version.revision = &revision;
            version.job = revision.after;
        }
        const bool is_known = version.revision != nullptr;
        // A history that begins later, or none: the job as it is now, if it was so then.
        if (!is_known && known_.job && known_.job->effective_from < at) version.job = known_.job;
        const Job* const named = version.job ? &*version.job : known_.job ? &*known_.job : nullptr;
        version.zone_name = known_.default_zone;
        if (named != nullptr) version.zone_name = zone_name(*named, known_.default_zone);
        auto zone = find_zone(version.zone_name);
        if (!zone) zone = find_zone("UTC");
        version.zone = *zone;
        if (version.job) {
            auto schedule =
                Schedule::make(version.job->cron_set, version.zone_name, version.job->id);
            if (schedule) {
                version.schedule = *schedule;
            } else {
                version.problem = schedule.error().message;
            }
        }
        return version;
    }

    /// The row of the moment, or whether a fire was due then.
    void find_fire()
    {
        const auto second = std::chrono::floor<std::chrono::seconds>(found_.at);
        for (const LogRow& row : known_.rows) {
            const WallTime due = row.run.id.scheduled_at;
            const bool is_near = std::chrono::floor<std::chrono::seconds>(due) == second;
            // A rehearsal is not the fire of its second.
            const bool is_it = due == found_.at || (is_near && !row.run.rehearsal);
            const bool is_in_gap = row.gap_end && due <= found_.at && found_.at <= *row.gap_end;
            if (!is_it && !is_in_gap) continue;
            found_.row = row;
            if (is_it) found_.at = due;
            break;
        }
        if (found_.row) choose_part(found_.row->run.id);
        if (found_.row) go_back_to_what_ran();
        if (!version_.schedule || version_.job->stop) return;
        const Window window{version_.job->start_time, version_.job->end_time};
        is_due_ = version_.schedule->next_in_window(second - 1s, window) == second;
        if (is_due_ && !found_.row) found_.at = second;
    }

    /// Of a fire that is several runs, the part that went worst: the others may have succeeded.
    void choose_part(const RunId& fire)
    {
        std::map<std::int32_t, const LogRow*> newest;
        for (const LogRow& row : known_.rows) {
            if (!is_same_fire(row.run.id, fire)) continue;
            const LogRow*& known = newest[row.run.id.part];
            if (known == nullptr || known->run.id.attempt < row.run.id.attempt) known = &row;
        }
        if (newest.size() < 2) return;
        const LogRow* worst = nullptr;
        std::string counts;
        for (const Fate& fate : fates) {
            std::size_t count = 0;
            for (const auto& [part, row] : newest) {
                if (verdict_of(*row, known_.now) != fate.verdict) continue;
                if (worst == nullptr) worst = row;
                ++count;
            }
            if (count == 0) continue;
            counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", count, fate.words);
        }
        found_.row = *worst;
        const RunId& id = worst->run.id;
        parts_text_ =
            fmt::format(" This is part {} of {}, of which {}.", id.part, id.parts, counts);
    }

    /// A further attempt that did not run says only why the fire was not tried again; how it ended
    /// says the one before.
    void go_back_to_what_ran()
    {
        const RunReport& newest = found_.row->run;
        if (newest.id.attempt == 1 || newest.started_at || !is_final(newest.state)) return;
        const LogRow* before = nullptr;
        for (const LogRow& row : known_.rows) {
            const RunId& id = row.run.id;
            if (!is_same_fire(id, newest.id) || id.part != newest.id.part) continue;
            if (id.attempt >= newest.id.attempt || !row.run.started_at) continue;
            if (before == nullptr || before->run.id.attempt < id.attempt) before = &row;
        }
        if (before == nullptr) return;
        given_up_text_ = fmt::format(" It was not tried again{}.", because(newest.reason));
        found_.row = *before;
    }

    std::string when(WallTime time) const { return local_text(time, *version_.zone); }

    void add(std::string_view about, std::string text, std::optional<WallTime> at = std::nullopt)
    {
        found_.facts.push_back({about, std::move(text), at});
    }

    void note_definition()
    {
        if (!version_.job) return;
        const Job& job = *version_.job;
        if (job.kind == JobKind::daemon) {
            add("definition", "a daemon: it has no schedule, and runs until it is stopped");
        } else if (is_chained(job)) {
            add("definition", "it runs " + chain_words(job));
        } else if (version_.schedule) {
            add("definition", fmt::format("{} in {}", describe(version_.schedule->expression()),
                                          version_.zone_name));
        } else {
            add("definition", fmt::format("the schedule cannot be read: {}", version_.problem));
        }
        if (job.start_time != 0 || job.end_time != 0) {
            const auto bound = [this](std::int64_t time) {
                return time == 0 ? std::string("…") : when(from_unix_seconds(time));
            };
            add("window", fmt::format("from {} to {}", bound(job.start_time), bound(job.end_time)));
        }
        if (version_.revision == nullptr) return;
        const Author& by = version_.revision->by;
        add("revision",
            fmt::format("as it was since {}, changed by {}",
                        when(version_.revision->effective_from),
                        by.who.empty() ? "hand in the database" : by.who),
            version_.revision->effective_from);
    }

    void note_pauses()
    {
        const Job* const job = version_.job ? &*version_.job : known_.job ? &*known_.job : nullptr;
        if (job == nullptr) return;
        const Pauses pauses(known_.pauses);
        const Pause* const pause = pauses.find(known_.id, job->tags, found_.at);
        if (pause == nullptr) return;
        pause_ = *pause;
        const bool is_open = pause->end() == WallTime::max();
        add("pause",
            fmt::format(
                "{}, from {} {}", to_string(reason_of(*pause)), when(pause->begins_at),
                is_open ? std::string("until somebody ends it") : "to " + when(pause->end())),
            pause->begins_at);
    }

    void note_calendars()
    {
        if (!version_.job || version_.job->calendar.empty()) return;
        const std::vector<std::string>& terms = version_.job->calendar;
        calendars_ = Calendars::of(known_.calendars);
        excluded_ = calendars_.why_not(terms, found_.at, *version_.zone);
        add("calendar",
            fmt::format("its fires must be in {}; {} is {}", fmt::join(terms, ", "),
                        when(found_.at), excluded_ ? *excluded_ : std::string("in all of them")));
    }

    void note_required()
    {
        if (!version_.job || version_.job->required.empty()) return;
        const Job& job = *version_.job;
        std::string text = "it runs only " + required_words(job.required);
        if (job.requires_wait.count() > 0) {
            text += fmt::format(", and waits for that for {}", in_words(job.requires_wait));
        }
        add("requires", std::move(text));
    }

    void note_neighbours()
    {
        if (!version_.schedule || version_.job->stop) return;
        const Window window{version_.job->start_time, version_.job->end_time};
        const auto second = std::chrono::floor<std::chrono::seconds>(found_.at);
        // The one before has a row, whatever calendars said of it.
        const std::vector<std::string>& terms = version_.job->calendar;
        const auto next = terms.empty() ? version_.schedule->next_in_window(second, window)
                                        : calendars_.next_fire(*version_.schedule, window, terms,
                                                               second, second + furthest_open);
        if (next) found_.next_fire = *next;
        if (const auto before = fire_before(*version_.schedule, second, window)) {
            found_.previous_fire = *before;
        }
    }

    void note_plan()
    {
        if (known_.planned_through) {
            add("plan", fmt::format("planned through {}", when(*known_.planned_through)),
                *known_.planned_through);
        }
        if (!known_.dispatcher.empty()) {
            add("node", fmt::format("{} dispatches", known_.dispatcher));
        } else {
            add("node", "no node dispatches now");
        }
    }

    void explain_row()
    {
        const LogRow& row = *found_.row;
        const RunReport& run = row.run;
        found_.verdict = verdict_of(row, known_.now);
        add("row",
            fmt::format("run {}: {}{}", row.id, to_string(run.state),
                        run.reason.empty() ? "" : ", " + to_string(run.reason)),
            run.id.scheduled_at);
        if (!row.requested_by.empty()) {
            const RunRequest request = parse_request(row.requested_by);
            if (!request.by.empty()) add("row", fmt::format("asked for by {}", request.by));
            if (request.rehearsal) add("row", "a rehearsal: it counts nowhere");
            if (request.parent) add("parent", to_string(*request.parent));
        }
        if (run.id.parts > 1) {
            add("row", fmt::format("part {} of {} of its fire", run.id.part, run.id.parts));
        }
        if (!run.run_server.empty()) add("node", fmt::format("at {}", run.run_server));
        note_blocker(row);
        found_.answer = sentence(row) + given_up_text_ + parts_text_;
    }

    void note_blocker(const LogRow& row)
    {
        const Cause cause = row.run.reason.cause;
        if (cause != Cause::mutex && cause != Cause::replaced) return;
        const auto blocker = std::ranges::find_if(known_.rows, [&](const LogRow& other) {
            return other.id != row.id && other.run.id.part == row.run.id.part &&
                   was_alive(other, row.run.id.scheduled_at);
        });
        if (blocker != known_.rows.end()) found_.blocker = *blocker;
    }

    std::string took(const LogRow& row) const { return in_words(row.run.use_time); }

    std::string attempt_text(const LogRow& row) const
    {
        const std::int64_t attempts = version_.job ? version_.job->retries + 1 : 1;
        if (row.run.id.attempt == 1 && attempts == 1) return "";
        return fmt::format(" (attempt {} of {})", row.run.id.attempt,
                           std::max<std::int64_t>(attempts, row.run.id.attempt));
    }

    /// "It was due at … and started at …".
    std::string start_text(const LogRow& row) const
    {
        const RunReport& run = row.run;
        if (!run.started_at) return fmt::format("It was due at {}", when(run.id.scheduled_at));
        const auto late = *run.started_at - row.retry_at.value_or(run.id.scheduled_at);
        if (run.id.attempt > 1 || late < 1s) {
            return fmt::format("It ran at {} on {}", when(*run.started_at), run.run_server);
        }
        return fmt::format("It was due at {}, and ran on {} {} later", when(run.id.scheduled_at),
                           run.run_server, in_words(late));
    }

    std::string end_text(const LogRow& row) const
    {
        const RunReport& run = row.run;
        if (run.term_signal) return fmt::format("with signal {}", *run.term_signal);
        if (run.http_status) return fmt::format("with the HTTP status {}", *run.http_status);
        if (run.exit_code) return fmt::format("with exit code {}", *run.exit_code);
        return "";
    }

    static std::string because(const Reason& reason)
    {
        const std::string& text =
            reason.detail.empty() ? std::string(to_string(reason.cause)) : reason.detail;
        return text.empty() ? std::string() : ": " + text;
    }

    /// By the job as it is now.
    std::string node_wanted(const RunId& run) const
    {
        if (!run.node.empty()) return "its node, " + run.node;
        if (!known_.job || known_.job->run_on.empty()) return "a node";
        return fmt::format("a node that fits run_on {}", fmt::join(known_.job->run_on, ", "));
    }

    std::string sentence(const LogRow& row) const
    {
        const RunReport& run = row.run;
        const std::string due = when(run.id.scheduled_at);
        switch (found_.verdict) {
            case Verdict::ran:
                return fmt::format("{}, and succeeded after {}{}.", start_text(row), took(row),
                                   attempt_text(row));
            case Verdict::failed: {
                const std::string end = end_text(row);
                const std::string_view how =
                    run.state == RunState::timeout  ? "was ended at its timeout"
                    : run.state == RunState::fenced ? "was ended by its node, "
                                                      "which was isolated,"
                                                    : "failed";
                return fmt::format("{}, and {} after {}{}{}{}{}.", start_text(row), how, took(row),
                                   end.empty() ? "" : " ", end, attempt_text(row),
                                   because(run.reason));
            }
            case Verdict::killed:
                return fmt::format("{}, and was ended after {}{}.", start_text(row), took(row),
                                   because(run.reason));
            case Verdict::lost:
                return fmt::format("{}; nobody knows how it ended{}.", start_text(row),
                                   because(run.reason));
            case Verdict::running:
                return fmt::format("{}, and has been running for {}{}.", start_text(row),
                                   in_words(known_.now - run.started_at.value_or(known_.now)),
                                   usual_text());
            case Verdict::retrying:
                return fmt::format("The fire of {} failed; attempt {} starts at {}.", due,
                                   run.id.attempt, when(*row.retry_at));
            case Verdict::waiting:
                if (run.reason.cause == Cause::required) {
                    return fmt::format("It was due at {}, and {}.", due, run.reason.detail);
                }
                return run.run_server.empty()
                           ? fmt::format("It was due at {} and waits for {}.", due,
                                         node_wanted(run.id))
                           : fmt::format(
                                 "It was due at {}, was given to {}, and has not started yet.", due,
                                 run.run_server);
            case Verdict::future:
                if (run.reason.cause == Cause::required) {
                    return fmt::format("It is due at {}, and {}.", due, run.reason.detail);
                }
                if (row.retry_at) {
                    return fmt::format("It was due at {}, and with its jitter starts at {}.", due,
                                       when(*row.retry_at));
                }
                return fmt::format("It is due at {}, and {}.", due,
                                   run.run_server.empty() ? "waits for " + node_wanted(run.id)
                                                          : "is at " + run.run_server + " already");
            case Verdict::taken_back:
                return fmt::format("The fire of {} was taken back before it started{}.", due,
                                   because(run.reason));
            default:
                break;
        }
        return skip_sentence(row);
    }

    std::string usual_text() const
    {
        return known_.usual_time ? fmt::format(", usually {}", in_words(*known_.usual_time)) : "";
    }

    std::string skip_sentence(const LogRow& row) const
    {
        const RunReport& run = row.run;
        const bool is_missed = found_.verdict == Verdict::missed;
        std::string text;
        if (row.gap_end) {
            text =
                fmt::format("{} fires from {} to {} were {}", row.fires, when(run.id.scheduled_at),
                            when(*row.gap_end), is_missed ? "missed" : "skipped");
        } else {
            text = fmt::format("It was due at {}, and was {}", when(run.id.scheduled_at),
                               is_missed ? "missed" : "skipped");
        }
        text += because(run.reason);
        if (found_.blocker) {
            const RunReport& other = found_.blocker->run;
            text += fmt::format("; run {} was still running, since {}{}", found_.blocker->id,
                                when(*other.started_at), usual_text());
        }
        return text + ".";
    }

    void explain_lack_of_row()
    {
        const std::string due = when(found_.at);
        if (version_.job->run_limit != 0 && known_.job &&
            known_.job->counters.run_num >= version_.job->run_limit) {
            found_.verdict = Verdict::not_due;
            found_.answer =
                fmt::format("Its limit of {} runs in all was reached.", version_.job->run_limit);
        } else if (found_.at > known_.now) {
            found_.verdict = Verdict::future;
            found_.answer =
                fmt::format("It is due at {}, in {}.", due, in_words(found_.at - known_.now));
            if (const auto start = delayed_start(*version_.job, found_.at)) {
                found_.answer += fmt::format(" With its jitter it starts at {}.", when(*start));
            }
            if (!version_.job->required.empty()) {
                found_.answer +=
                    fmt::format(" It runs only {}.", required_words(version_.job->required));
            }
            if (pause_) found_.answer += fmt::format(" It will be skipped: {}.", why_paused());
            if (!pause_ && excluded_) {
                found_.answer += fmt::format(" It will be skipped: {}.",
                                             to_string(Reason{Cause::calendar, *excluded_}));
            }
        } else if (!known_.planned_through || found_.at > *known_.planned_through) {
            found_.verdict = Verdict::unplanned;
            found_.answer =
                known_.planned_through
                    ? fmt::format("It was due at {}, but no node has planned since {}.", due,
                                  when(*known_.planned_through))
                    : fmt::format("It was due at {}, but no node has ever planned.", due);
        } else if (!known_.ledger_begin || found_.at < *known_.ledger_begin) {
            found_.verdict = Verdict::forgotten;
            found_.answer = fmt::format(
                "It was due at {}; its row in the log was deleted because "
                "of its age.",
                due);
        } else {
            found_.verdict = Verdict::missing;
            found_.answer = fmt::format(
                "It was due at {}, but the log has no row of it; `peercron "
                "audit` can say more.",
                due);
        }
    }

    void explain_not_due()
    {
        found_.verdict = Verdict::not_due;
        found_.answer = reason_for_not_due();
        if (found_.previous_fire || found_.next_fire) {
            found_.answer += " Its fires around that:";
            if (found_.previous_fire) {
                found_.answer += fmt::format(" {}", when(*found_.previous_fire));
            }
            if (found_.next_fire) {
                found_.answer += fmt::format("{} {}", found_.previous_fire ? " and" : "",
                                             when(*found_.next_fire));
            }
            found_.answer += ".";
        }
    }

    std::string why_paused() const { return to_string(reason_of(*pause_)); }

    std::string reason_for_not_due() const
    {
        const std::string at = when(found_.at);
        if (!version_.job) {
            if (version_.revision != nullptr) {
                return fmt::format("The job was deleted on {}{}.",
                                   when(version_.revision->effective_from),
                                   by_text(*version_.revision));
            }
            return fmt::format("At {} there was no such job yet.", at);
        }
        const Job& job = *version_.job;
        if (job.stop) {
            if (version_.revision == nullptr) return "The job is stopped.";
            return fmt::format("The job was stopped at that time: as it was since {}{}.",
                               when(version_.revision->effective_from),
                               by_text(*version_.revision));
        }
        if (job.kind == JobKind::daemon && pause_) {
            return fmt::format("At {} it was kept down: {}.", at, why_paused());
        }
        if (job.kind == JobKind::daemon) {
            return fmt::format(
                "At {} it was not started: a daemon starts when it is added, changed "
                "or started, and when it has ended.",
                at);
        }
        if (is_chained(job)) {
            return fmt::format(
                "At {} it had no fire: it fires {}, at their times, once all of them are over.", at,
                chain_words(job));
        }
        if (!version_.schedule) {
            return fmt::format("Its schedule cannot be read: {}.", version_.problem);
        }
        const std::int64_t second = to_unix_seconds(found_.at);
        if (job.start_time != 0 && second < job.start_time) {
            return fmt::format("Its window began only at {}.",
                               when(from_unix_seconds(job.start_time)));
        }
        if (job.end_time != 0 && second >= job.end_time) {
            return fmt::format("Its window ended at {}.", when(from_unix_seconds(job.end_time)));
        }
        if (!known_.at) {
            return "Nothing is in the log yet.";
        }
        return fmt::format("At {} nothing was due: it fires {} in {}.", at,
                           describe(version_.schedule->expression()), version_.zone_name);
    }

    static std::string by_text(const Revision& revision)
    {
        std::string text;
        if (!revision.by.who.empty()) text = fmt::format(", by {}", revision.by.who);
        if (!revision.by.why.empty()) text += fmt::format(" ({})", revision.by.why);
        return text;
    }

    const Circumstances& known_;
    Explanation found_;
    Version version_;
    std::optional<Pause> pause_;           ///< in which the moment is
    Calendars calendars_;                  ///< if the job names any
    std::optional<std::string> excluded_;  ///< why calendars exclude a fire of the moment
    bool is_due_ = false;
    std::string parts_text_;     ///< how the parts of the fire went, if it has several
    std::string given_up_text_;  ///< why there was no further attempt, if one was due
};

}  // namespace

std::string_view to_string(Verdict verdict)
{
    return verdict_words[static_cast<std::size_t>(verdict)];
}

const LogRow* newest_news(std::span<const LogRow> rows)
{
    const auto newest = std::ranges::find_if(rows, [](const LogRow& row) {
        return row.run.state != RunState::revoked && !row.run.rehearsal;
    });
    return newest == rows.end() ? nullptr : &*newest;
}

Explanation explain(const Circumstances& known)
{
    return Explainer(known).take();
}

}  // namespace peercron
