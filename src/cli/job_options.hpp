#pragma once

#include "cli/api_client.hpp"
#include "cli/job_arguments.hpp"
#include "model/job_fields.hpp"

#include <CLI/CLI.hpp>

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// How the command line takes a field of a job (model/job_fields.hpp).
struct JobOption {
    std::string_view field;        ///< JobField::name
    std::string_view option;       ///< "--tz"
    std::string_view type;         ///< what it takes, for the help; "" = a flag
    std::string_view group;        ///< under which heading of the help
    std::string_view text;         ///< what it means; the words of a choice are added to it
    std::string_view filter = {};  ///< of lists: the option that asks for one word of it
};

/// One for each field, in the order of the help.
inline constexpr std::array<JobOption, job_fields.size()> job_options{{
    {"cron_set", "--cron", "EXPR", "When",
     "A cron expression of 5, 6 (seconds first) or 7 fields; `peercron next` explains it"},
    {"time_zone", "--tz", "ZONE", "When",
     "IANA time zone of the schedule; '' is the configured one; --every counts from "
     "1970-01-01T00:00:00Z in every zone"},
    {"start_time", "--start", "TIME", "When", "No fire before this time; none is no limit"},
    {"end_time", "--end", "TIME", "When", "No fire from this time on; none is no limit"},
    {"run_limit", "--limit", "COUNT", "When", "How many runs in all; 0 is no limit"},
    {"misfire_window", "--misfire-window", "DURATION", "When",
     "How late a missed fire may still run; 0 is no limit, until_next is until the job's next "
     "fire, default is the configured one"},
    {"jitter", "--jitter", "DURATION", "When",
     "Each fire starts up to this long after its time, so that jobs of the same time do not start "
     "together; 0 is none"},
    {"calendar", "--calendar", "CALENDARS", "When",
     "Fire only in these calendars, separated by commas, or with ! before the name not in them, "
     "such as 'workdays, !freeze'; '' is none"},
    {"run_after", "--run-after", "JOBS", "When",
     "In place of a schedule: when these jobs, separated by commas, have fired and are over; '' is "
     "none",
     "--run-after"},
    {"run_after_on", "--run-after-on", "OUTCOME", "When",
     "When all of them succeeded, any of them failed, or however they ended"},
    {"requires", "--requires", "JOBS", "When",
     "A fire runs only if the last fire of each of these jobs, separated by commas, succeeded, "
     "since its own fire before; '' is none",
     "--requires"},
    {"requires_wait", "--requires-wait", "DURATION", "When",
     "How long a fire waits for them, no longer than until its next one; 0 is not at all"},
    {"command", "--command", "COMMAND", "What", "A command line for /bin/sh"},
    {"kind", "--kind", "KIND", "What",
     "A command, a request, which --http-url says, too, or a command that is kept alive"},
    {"name", "--name", "NAME", "What",
     "A unique name, which every command takes in place of the id"},
    {"remark", "--remark", "TEXT", "What", "What it is for"},
    {"tags", "--tags", "TAGS", "What",
     "Words for finding jobs, separated by commas: db,nightly; '' is none", "--tag"},
    {"timeout", "--timeout", "DURATION", "What", "End a run that takes longer; 0 is never"},
    {"is_mutex", "--mutex", "", "What", "At most one run at a time in the whole cluster"},
    {"stop", "--stopped", "", "What", "The job does not fire until `peercron job start`"},
    {"run_as", "--run-as", "USER", "How",
     "As this user, of those in the node's [exec] run_as; '' is the node's"},
    {"env", "--env", "NAME=VALUE", "How",
     "A variable of its environment; give it again for more; '' is none"},
    {"work_dir", "--work-dir", "FOLDER", "How",
     "Where it starts; '' is the node's folder, or with --run-as the user's home"},
    {"umask", "--umask", "MASK", "How", "Octal, as 027; '' is the node's, or with --run-as 022"},
    {"stdin", "--stdin", "TEXT", "How", "What it reads from standard input; '' is nothing"},
    {"inputs", "--input", "INPUT", "How",
     "What `job run-now` may set: NAME, NAME=default or NAME:first|second; give it again for more; "
     "'' is none"},
    {"secrets", "--secrets", "NAMES", "How",
     "Files of [secrets] dir that it finds in $PEERCRON_SECRETS_DIR, separated by commas"},
    {"nice", "--nice", "NUMBER", "How", "Added to the node's niceness, -20 to 19"},
    {"memory_max", "--memory-max", "SIZE", "How", "Memory it may use, as 512MiB; 0 is no limit"},
    {"cpu_max", "--cpu-max", "PERCENT", "How", "CPU it may use, 100 is one core; 0 is no limit"},
    {"pids_max", "--pids-max", "COUNT", "How",
     "How many processes and threads it may be; 0 is no limit"},
    {"success_codes", "--success-codes", "CODES", "How",
     "Exit codes that mean success, as 0,3,10-19; '' is 0"},
    {"stop_signal", "--stop-signal", "SIGNAL", "How", "What asks it to end"},
    {"kill_grace", "--kill-grace", "DURATION", "How",
     "From that signal to SIGKILL; 0 is the configured time"},
    {"run_on", "--run-on", "LABELS", "Where",
     "Labels that a node must have to run it, separated by commas: zone=eu,!spare; host=db1 is a "
     "machine; '' is any node"},
    {"spread", "--spread", "SPREAD", "Where",
     "Which of these nodes: the least loaded, the same one as long as it is there, several runs "
     "of each fire, each on the least loaded, or every one of them"},
    {"shards", "--shards", "NUMBER", "Where",
     "With --spread shards: how many runs a fire is; PEERCRON_SHARD says which it is, from 0"},
    {"priority", "--priority", "NUMBER", "Where",
     "0 to 9; of the runs that wait for a slot of a node the highest starts first"},
    {"weight", "--weight", "SLOTS", "Where", "How many of its node's slots a run takes"},
    {"http_url", "--http-url", "URL", "Request",
     "Where it goes; {{job}}, {{scheduled_at}}, {{attempt}}, {{shard}} and {{shards}} stand for "
     "those of the run"},
    {"http_method", "--http-method", "METHOD", "Request", "POST where there is a body, else GET"},
    {"http_headers", "--http-header", "HEADER", "Request",
     "'Name: value'; give it again for more; '' is none"},
    {"http_body", "--http-body", "TEXT", "Request", "What it sends; '' is nothing"},
    {"http_expect", "--http-expect", "STATUSES", "Request",
     "Statuses that mean success, as 200-299,404; '' is 200-299"},
    {"http_expect_text", "--http-expect-text", "TEXT", "Request",
     "What the answer must have for success; '' is anything"},
    {"http_redirects", "--http-redirects", "COUNT", "Request",
     "How many redirects are followed; 0: the redirect is the answer"},
    {"http_verify", "--http-verify", "", "Request", "The server's certificate has to be valid"},
    {"restart", "--restart", "WHEN", "Daemon", "After which ends it is started again"},
    {"restart_delay", "--restart-delay", "DURATION", "Daemon",
     "From its end to its next start; doubles with each failure in a row"},
    {"restart_max_delay", "--restart-max-delay", "DURATION", "Daemon",
     "The longest that --restart-delay becomes"},
    {"healthy_after", "--healthy-after", "DURATION", "Daemon",
     "A run this long is no failure, and ends the doubling"},
    {"start_limit", "--start-limit", "COUNT", "Daemon",
     "It is given up after this many failures in a row; 0 is never"},
    {"delivery", "--delivery", "DELIVERY", "Policies",
     "Whether a run that was lost with its node runs again"},
    {"misfire_policy", "--misfire-policy", "POLICY", "Policies", "Which missed fires run late"},
    {"overlap", "--overlap", "OVERLAP", "Policies",
     "What happens to a fire while the job is at its limit of runs"},
    {"max_concurrent", "--max-concurrent", "COUNT", "Policies",
     "How many runs at a time in the whole cluster; 0 is no limit"},
    {"locks", "--locks", "LOCKS", "Policies",
     "Locks that it shares with other jobs, separated by commas, as db,ftp:2, which takes 2 of "
     "ftp; '' is none"},
    {"retries", "--retries", "COUNT", "Policies",
     "How many further attempts a fire gets whose run failed; 0 is none"},
    {"retry_delay", "--retry-delay", "DURATION", "Policies",
     "From a failed run to the next attempt; doubles with each"},
    {"retry_max_delay", "--retry-max-delay", "DURATION", "Policies",
     "The longest that --retry-delay becomes"},
    {"retry_on", "--retry-on", "ENDS", "Policies",
     "After which ends, separated by commas: failed, timeout, exit codes such as 75 or 100-110; "
     "!2 leaves one out; '' is failed,timeout"},
    {"notify", "--notify", "CHANNELS", "Notices",
     "Channels that are told when it does not run as it should, separated by commas; '' is those "
     "for every job, none is nobody"},
    {"notify_on", "--notify-on", "WORDS", "Notices",
     "Of what, separated by commas: failing, recovered, missed, late, slow, fast; of "
     "single runs: failed, success, skipped, lost; '' is as configured"},
    {"notify_after", "--notify-after", "COUNT", "Notices",
     "It is failing after this many failed fires in a row; 0 is as configured"},
    {"notify_every", "--notify-every", "DURATION", "Notices",
     "Told again of what goes on; 0 is as configured"},
    {"late_after", "--late-after", "DURATION", "Notices",
     "A run that starts later than this is late; 0 is as configured"},
    {"slow_after", "--slow-after", "DURATION", "Notices",
     "A run that takes longer is slow; 0 is as configured, or as is usual"},
    {"expect_every", "--expect-every", "DURATION", "Notices",
     "Told when there is no success for this long; 0 is as configured"},
    {"expect_by", "--expect-by", "HH:MM", "Notices",
     "Told when there is no success by this time of a day; '' is as configured, none is never"},
    {"late_goal", "--late-goal", "DURATION", "Notices",
     "A fire should start within this of its time, as 50ms: `peercron stats` says which share "
     "does; "
     "0 is as configured"},
}};

const JobOption& option_of(const JobField& field);

enum class JobIs : unsigned char { new_one, there };

/// Adds the options of a job, and its command as words after "--". Whether it is stopped is an
/// option of a new one only: the others have `job stop` and `job start`.
/// @param job must outlive the parsing.
void add_job_options(CLI::App& command, JobArguments& job, JobIs is);

/// Words that jobs of a list must have, by JobField::name.
using JobFilters = std::map<std::string_view, std::vector<std::string>>;

/// Adds the options JobOption::filter.
/// @param filters must outlive the parsing.
void add_job_filters(CLI::App& command, JobFilters& filters);

/// As parameters of /cron/list.
void add_to(Query& query, const JobFilters& filters);

}  // namespace peercron
