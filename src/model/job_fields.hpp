#pragma once

#include "model/http_forms.hpp"
#include "model/job.hpp"
#include "model/text_form.hpp"

#include <array>
#include <bitset>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace peercron {

// What a person decides about a job, listed once. Columns, binding and reading in the stores, the
// history, parameters and rows of the API, its description, options of the command line, job files
// and their comparison are all made from this list, so that a new field needs a member of Job, a
// line here, its column (sql/), its option (cli/job_options.cpp) and the code that acts on it.

/// What a field may hold; the limits are included. Texts are UTF-8 without NUL.
namespace kind {

/// A schedule, which schedule/ judges.
struct Expression {
    std::size_t characters;
};
/// An IANA name, which schedule/ judges; empty = the configured zone.
struct Zone {
    std::size_t characters;
};
/// Unique; no control characters, no spaces at its ends, not only digits; empty = none, NULL in a
/// column.
struct Name {
    std::size_t characters;
};
/// Whether a job needs one is judged by find_contradiction().
struct Command {
    std::size_t bytes;
};
struct Text {
    std::size_t characters;
    const TextForm* form = nullptr;
};
/// As it is, of this many bytes.
struct Body {
    std::size_t bytes;
};
/// A list of words without commas, control characters and spaces at their ends, each once. A column
/// and a form have it as one text with commas between, JSON and TOML as an array.
struct Words {
    std::size_t count;
    std::size_t characters;  ///< of each
    const TextForm* form = nullptr;
    bool is_filter = false;  ///< whether lists of jobs can be asked for those that have some
};
/// A list of lines, in their order. A column and a form have it as one text with line breaks
/// between, JSON and TOML as an array.
struct Lines {
    std::size_t count;
    std::size_t characters;  ///< of each
    std::size_t bytes;       ///< of all
    const TextForm* form;
};
struct Flag {};
/// From 0 on.
struct Count {
    std::int64_t most;
};
struct Number {
    std::int64_t least;
    std::int64_t most;
};
/// In bytes, or 0 for none; a text may say "512MiB".
struct Size {
    std::int64_t least;
    std::int64_t most;
};
/// Unix seconds; 0 = open.
struct Moment {
    std::int64_t latest;
};
/// In seconds.
struct Duration {
    std::int64_t most;
    std::int64_t least = 0;
};
/// In milliseconds; a text may say "50ms".
struct Millis {
    std::int64_t most;
};
/// A duration, until_next, or null for the configured one.
struct Window {
    std::int64_t most;
};
/// One word of these.
struct Choice {
    std::span<const std::string_view> words;
};

}  // namespace kind

using FieldKind =
    std::variant<kind::Expression, kind::Zone, kind::Name, kind::Command, kind::Text, kind::Body,
                 kind::Words, kind::Lines, kind::Flag, kind::Count, kind::Number, kind::Size,
                 kind::Moment, kind::Duration, kind::Millis, kind::Window, kind::Choice>;

using FieldMember =
    std::variant<std::string Job::*, RareText Job::*, RareWords Job::*, bool Job::*,
                 std::int64_t Job::*, std::chrono::seconds Job::*, std::chrono::milliseconds Job::*,
                 std::optional<std::chrono::seconds> Job::*, Delivery Job::*, Misfire Job::*,
                 Overlap Job::*, StopSignal Job::*, JobKind Job::*, HttpMethod Job::*,
                 Restart Job::*, RunAfterOn Job::*, Spread Job::*>;

/// A value as columns and JSON have it: seconds as a number, a policy as its word.
using FieldValue =
    std::variant<std::monostate, bool, std::int64_t, std::string, std::vector<std::string>>;

struct JobField {
    std::string_view name;  ///< of the column, and the key in JSON and TOML
    FieldMember member;
    FieldKind kind;
    std::string_view about;           ///< what it means, for the API's description
    std::string_view parameter = {};  ///< of the API, where it is not `name`
    bool for_node = false;            ///< the node acts on it: it goes there with each order

    constexpr std::string_view parameter_name() const
    {
        return parameter.empty() ? name : parameter;
    }
};

inline constexpr std::int64_t latest_second = 253'402'300'799;  ///< 9999-12-31
inline constexpr std::int64_t longest_seconds = 2'147'483'647;
/// A week.
inline constexpr std::int64_t most_requires_wait = 604'800;

/// In the order of the API: the reference's first, with its names.
inline constexpr std::array<JobField, 70> job_fields{{
    {"cron_set", &Job::cron_set, kind::Expression{255},
     "second minute hour day month weekday; five fields mean second 0, a seventh is the year",
     "cronSet"},
    {"command", &Job::command, kind::Command{65'535}, "a command line for the shell"},
    {"remark", &Job::remark, kind::Text{1024}, "what the job is for"},
    {"stop", &Job::stop, kind::Flag{}, "a stopped job does not fire"},
    {"start_time", &Job::start_time, kind::Moment{latest_second},
     "Unix seconds; the job fires at this moment or later; 0 is open"},
    {"end_time", &Job::end_time, kind::Moment{latest_second},
     "Unix seconds; the job fires before this moment; 0 is open"},
    {"is_mutex", &Job::is_mutex, kind::Flag{}, "at most one run at a time in the whole cluster"},
    {"time_zone", &Job::time_zone, kind::Zone{64},
     "IANA name of the schedule's time zone; empty is the configured one"},
    {"timeout", &Job::timeout, kind::Duration{longest_seconds},
     "seconds after which a run is ended; 0 is never"},
    {"name", &Job::name, kind::Name{128}, "unique; empty is none"},
    {"run_limit", &Job::run_limit, kind::Count{std::numeric_limits<std::int64_t>::max()},
     "how many runs the job has in all; 0 is no limit"},
    {"misfire_window", &Job::misfire_window, kind::Window{longest_seconds},
     "seconds that a fire may be late that could not be planned in time; 0 is no limit, "
     "`until_next` until the job's next fire is due, null as configured"},
    {"delivery", &Job::delivery, kind::Choice{PolicyNames<Delivery>::names},
     "whether a run runs again as a further attempt when its end will never be known, or when it "
     "was ended because its node stopped or was cut off"},
    {"misfire_policy", &Job::misfire_policy, kind::Choice{PolicyNames<Misfire>::names},
     "which of the fires run late that could not be planned in time; none that is later than "
     "misfire_window"},
    {"overlap", &Job::overlap, kind::Choice{PolicyNames<Overlap>::names},
     "what a fire does when the job has as many runs already as it may have at a time; allow is "
     "skip where there is a limit, and no limit elsewhere"},
    {"max_concurrent", &Job::max_concurrent, kind::Count{10'000},
     "runs at a time in the whole cluster; 0 is no limit. With is_mutex it is 1; so it is when it "
     "is 0 and overlap is not allow"},
    {"tags", &Job::tags, kind::Words{32, 64, nullptr, true},
     "words by which jobs are found together"},
    {"retries", &Job::retries, kind::Count{100},
     "how many further attempts a fire gets whose run failed; 0 is none"},
    {"retry_delay", &Job::retry_delay, kind::Duration{longest_seconds},
     "seconds from the end of a run that failed to the next attempt; doubles with each, and is "
     "spread by 10 % either way"},
    {"retry_max_delay", &Job::retry_max_delay, kind::Duration{longest_seconds},
     "seconds up to which retry_delay doubles"},
    {"retry_on", &Job::retry_on, kind::Words{32, 16, &retry_form},
     "after which ends a fire gets a further attempt: failed, timeout, exit codes such as 75 or "
     "100-110, and !2 leaves one out; empty is failed and timeout"},
    {"env",
     &Job::env,
     kind::Lines{100, 4096, 65'535, &variable_form},
     "variables of the command's environment, NAME=value each; the last one of a name counts",
     {},
     true},
    {"work_dir",
     &Job::work_dir,
     kind::Text{1024, &folder_form},
     "the folder in which the command starts; empty is the node's, or with run_as the user's home",
     {},
     true},
    {"umask",
     &Job::umask,
     kind::Text{3, &umask_form},
     "the command's file mode creation mask, octal; empty is the node's, or with run_as 022",
     {},
     true},
    {"stdin",
     &Job::stdin_text,
     kind::Body{65'535},
     "what the command reads from its standard input; empty is nothing",
     {},
     true},
    {"nice",
     &Job::nice,
     kind::Number{-20, 19},
     "what is added to the node's niceness; below 0 only a node of root can",
     {},
     true},
    {"success_codes",
     &Job::success_codes,
     kind::Words{32, 7, &exit_codes_form},
     "exit codes that mean success, and ranges of them; empty is 0",
     {},
     true},
    {"stop_signal",
     &Job::stop_signal,
     kind::Choice{PolicyNames<StopSignal>::names},
     "the signal that asks the command to end, before SIGKILL makes it",
     {},
     true},
    {"kill_grace",
     &Job::kill_grace,
     kind::Duration{3600},
     "seconds from stop_signal to SIGKILL; 0 is as configured",
     {},
     true},
    {"run_as",
     &Job::run_as,
     kind::Text{64, &user_form},
     "the user that runs the command, of those in the node's [exec] run_as; empty is the node's",
     {},
     true},
    {"secrets",
     &Job::secrets,
     kind::Words{32, 64, &secret_form},
     "files of the node's [secrets] dir that the command finds in the folder PEERCRON_SECRETS_DIR",
     {},
     true},
    {"memory_max",
     &Job::memory_max,
     kind::Size{1LL << 20, 1LL << 40},
     "bytes of memory that the command and what it starts may use; 0 is no limit",
     {},
     true},
    {"cpu_max",
     &Job::cpu_max,
     kind::Count{102'400},
     "percent of one core that they may use, 200 is two cores; 0 is no limit",
     {},
     true},
    {"pids_max",
     &Job::pids_max,
     kind::Count{4'194'304},
     "how many processes and threads they may be; 0 is no limit",
     {},
     true},
    {"inputs",
     &Job::inputs,
     kind::Lines{16, 512, 4096, &input_form},
     "what /cron/run/{id} may set, as NAME, NAME=default or NAME:first|second, whose first choice "
     "is "
     "the default; the command finds it in PEERCRON_INPUT_NAME",
     {},
     true},
    {"run_on", &Job::run_on, kind::Words{16, 128, &run_on_form},
     "labels that a node must have to run it, all of them: db, zone=eu, host=db1; !spare is one "
     "that it must not have; empty is any node"},
    {"spread", &Job::spread, kind::Choice{PolicyNames<Spread>::names},
     "which of these nodes gets a run: `one` is the least loaded, `sticky` the same one each time, "
     "as long as it is there; `shards` makes several runs of each fire, and each goes to the least "
     "loaded; `every` is a run at each of these nodes"},
    {.name = "shards",
     .member = &Job::shards,
     .kind = kind::Number{1, most_shards},
     .about = "with spread `shards`, how many runs a fire is: each has a row of its own, and finds "
              "its number, from 0, in PEERCRON_SHARD and how many there are in PEERCRON_SHARDS"},
    {.name = "priority",
     .member = &Job::priority,
     .kind = kind::Count{most_priority},
     .about =
         "when a node has no free slot, the waiting run with the highest priority starts first",
     .for_node = true},
    {.name = "weight",
     .member = &Job::weight,
     .kind = kind::Number{1, 100'000},
     .about = "how many of its node's slots a run takes",
     .for_node = true},
    {.name = "kind",
     .member = &Job::kind,
     .kind = kind::Choice{PolicyNames<JobKind>::names},
     .about = "what a run is: a command, a request to a server, or a command that is kept alive",
     .for_node = true},
    {.name = "http_url",
     .member = &Job::http_url,
     .kind = kind::Text{2048, &url_form},
     .about = "where the request goes; {{job}}, {{scheduled_at}}, {{attempt}}, {{shard}} and "
              "{{shards}} in it, in headers and in the body stand for the job's id, when the run "
              "was due, its attempt, which part of its fire it is and how many there are",
     .for_node = true},
    {.name = "http_method",
     .member = &Job::http_method,
     .kind = kind::Choice{PolicyNames<HttpMethod>::names},
     .about = "auto is POST where there is a body, else GET",
     .for_node = true},
    {.name = "http_headers",
     .member = &Job::http_headers,
     .kind = kind::Lines{64, 4096, 32'768, &header_form},
     .about = "headers of the request, `Name: value` each",
     .for_node = true},
    {.name = "http_body",
     .member = &Job::http_body,
     .kind = kind::Body{65'535},
     .about = "what the request sends; not with GET or HEAD",
     .for_node = true},
    {.name = "http_expect",
     .member = &Job::http_expect,
     .kind = kind::Words{32, 7, &status_form},
     .about = "statuses that mean success, and ranges of them; empty is 200-299",
     .for_node = true},
    {.name = "http_expect_text",
     .member = &Job::http_expect_text,
     .kind = kind::Text{1024},
     .about = "what the body of the answer must have for success; empty is anything",
     .for_node = true},
    {.name = "http_redirects",
     .member = &Job::http_redirects,
     .kind = kind::Count{20},
     .about = "how many redirects are followed; with 0 the redirect is the answer",
     .for_node = true},
    {.name = "http_verify",
     .member = &Job::http_verify,
     .kind = kind::Flag{},
     .about = "whether the server's certificate has to be valid",
     .for_node = true},
    {"notify", &Job::notify, kind::Words{16, 64, &channel_form},
     "channels that are told when the job does not run as it should; empty is those that are for "
     "every job, `none` is nobody"},
    {"notify_on", &Job::notify_on, kind::Words{16, 16, &notice_form},
     "of what they are told: changes (failing, recovered, missed, late, slow) and single runs "
     "(failed, success, skipped, lost); empty is as configured"},
    {"notify_after", &Job::notify_after, kind::Count{1000},
     "how many fires in a row fail before the job counts as failing; 0 is as configured"},
    {"notify_every", &Job::notify_every, kind::Duration{longest_seconds},
     "seconds after which they are told again of what goes on; 0 is as configured"},
    {"late_after", &Job::late_after, kind::Duration{longest_seconds},
     "seconds after its time at which a run that starts is late; 0 is as configured"},
    {"slow_after", &Job::slow_after, kind::Duration{longest_seconds},
     "seconds after which a run is slow; 0 is as configured, or three times as long as usual"},
    {"expect_every", &Job::expect_every, kind::Duration{longest_seconds},
     "seconds within which a success follows the one before it, or they are told; 0 is as "
     "configured"},
    {"expect_by", &Job::expect_by, kind::Text{5, &clock_form},
     "the time of the day, in the job's time zone, by which it has a success each day, or they are "
     "told; empty is as configured, `none` is nothing that others than the job expect"},
    {"late_goal", &Job::late_goal, kind::Millis{86'400'000},
     "milliseconds after its time within which a fire should start: which share of them does is "
     "counted; 0 is as configured"},
    {.name = "restart",
     .member = &Job::restart,
     .kind = kind::Choice{PolicyNames<Restart>::names},
     .about = "after which ends a daemon is started again"},
    {.name = "restart_delay",
     .member = &Job::restart_delay,
     .kind = kind::Duration{86'400, 1},
     .about = "seconds from the end of a daemon to its next start; doubles with each that was not "
              "healthy"},
    {.name = "restart_max_delay",
     .member = &Job::restart_max_delay,
     .kind = kind::Duration{86'400, 1},
     .about = "seconds up to which restart_delay doubles"},
    {.name = "healthy_after",
     .member = &Job::healthy_after,
     .kind = kind::Duration{86'400},
     .about = "seconds after which a run of a daemon was healthy: the delays begin again with "
              "restart_delay"},
    {.name = "start_limit",
     .member = &Job::start_limit,
     .kind = kind::Count{most_start_limit},
     .about = "after so many starts in a row that were not healthy a daemon is given up, until it "
              "is changed or started by hand; 0 is never"},
    {"run_after", &Job::run_after, kind::Words{16, 128, nullptr, true},
     "names of jobs: in place of a schedule, the job fires each time that all of them have fired "
     "and are over"},
    {"run_after_on", &Job::run_after_on, kind::Choice{PolicyNames<RunAfterOn>::names},
     "whether it runs when all of them succeeded, when any of them ran and failed, or whenever "
     "they are over; otherwise its fire is skipped"},
    {.name = "locks",
     .member = &Job::locks,
     .kind = kind::Words{16, 70, &lock_form},
     .about = "locks that a run holds, and shares with runs of other jobs: a name, and how much of "
              "the lock's limit it takes where that is not 1, as ftp:2. While one is not free, "
              "overlap says what a fire does: queue and replace wait, else it is skipped",
     .for_node = true},
    {.name = "jitter",
     .member = &Job::jitter,
     .kind = kind::Duration{86'400},
     .about = "each fire starts up to this many seconds after its time, always the same for one "
              "fire, so that jobs of the same time do not start together; 0 is none",
     .for_node = true},
    {.name = "calendar",
     .member = &Job::calendar,
     .kind = kind::Words{16, 65, &calendar_form},
     .about = "calendars that its fires must be in, or with ! before the name must not be in, as "
              "workdays, !freeze; all must hold. A fire that they exclude is skipped, cause "
              "calendar. workdays and weekends are always there"},
    {"requires", &Job::required, kind::Words{16, 128, nullptr, true},
     "names of jobs: a fire runs only if the last fire of each of them succeeded, of those that "
     "were due since the job's own fire before; otherwise it is skipped, cause requires"},
    {"requires_wait", &Job::requires_wait, kind::Duration{most_requires_wait},
     "seconds that a fire waits for what it requires, no longer than until the job's next fire; 0 "
     "is not at all"},
}};

/// Fields by their place in job_fields.
using FieldSet = std::bitset<job_fields.size()>;

/// The fields of `set`, in the order of the list.
std::vector<const JobField*> fields_of(const FieldSet& set);

/// nullptr: no field has this name.
const JobField* find_field(std::string_view name);

/// The place in job_fields of a member that is there.
template <class T>
constexpr std::size_t place_of(T Job::*member)
{
    std::size_t place = 0;
    while (job_fields[place].member != FieldMember(member)) ++place;
    return place;
}

template <class T>
constexpr const JobField& field_of(T Job::*member)
{
    return job_fields[place_of(member)];
}

/// Whether lists of jobs can be asked for those that have some words of this field.
bool is_filter(const JobField& field);

FieldValue stored_value(const JobField& field, const Job& job);

/// The same as the API and files show it: until_next is a word.
FieldValue shown_value(const JobField& field, const Job& job);

/// Takes a stored or a shown value; what it may not be is not judged (find_problem() does), but its
/// type and a word of a choice are: false, and nothing is changed.
bool assign(const JobField& field, Job& job, FieldValue value);

/// The fields in which two jobs differ.
FieldSet differences(const Job& one, const Job& other);

/// "a, b, c" taken apart; spaces around a word are dropped, and so is a word that was there
/// already.
std::vector<std::string> split_words(std::string_view text);
std::string join_words(const std::vector<std::string>& words);

/// The same with line breaks between; nothing is dropped but empty lines.
std::vector<std::string> split_lines(std::string_view text);
std::string join_lines(const std::vector<std::string>& lines);

/// A list as columns and forms have it, and back.
std::string join_list(const JobField& field, const std::vector<std::string>& list);
std::vector<std::string> split_list(const JobField& field, std::string_view text);

/// What an update changes: fields that were given, with their values.
struct JobPatch {
    Job values;
    FieldSet given;

    template <class T>
    void set(T Job::*member, std::type_identity_t<T> value)
    {
        values.*member = std::move(value);
        given.set(place_of(member));
    }

    template <class T>
    bool has(T Job::*member) const
    {
        return given.test(place_of(member));
    }

    friend bool operator==(const JobPatch&, const JobPatch&) = default;
};

/// Sets a field by its value, as assign() does.
bool give(JobPatch& patch, const JobField& field, FieldValue value);

/// `job` with `patch` applied.
Job apply(Job job, const JobPatch& patch);

/// The patch that makes the fields of `set` what they are in `job`.
JobPatch patch_of(const Job& job, FieldSet set);

/// What is wrong with one field: what was given and what is allowed.
struct JobProblem {
    const JobField* field = nullptr;
    std::string what;
};

/// The first problem of the fields that `patch` gives; nullopt when there is none. The schedule and
/// the zone are judged elsewhere.
std::optional<JobProblem> find_problem(const JobPatch& patch);

}  // namespace peercron
