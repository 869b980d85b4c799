#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace peercron {

// What a job's owner wants when "exactly once, on time, alone" is impossible. The rules of each are
// in docs/delivery.md. The names are those of the API, the columns of table `cron` and the files of
// `peercron export`.

/// What happens after a run whose end will never be known, or that was ended because its node had
/// to stop or was cut off.
enum class Delivery : std::uint8_t {
    at_most_once,   ///< nothing more: the row says `lost`, `fenced` or `killed`
    at_least_once,  ///< it runs again, as the next attempt of the same fire
};

/// What happens to fires that were missed while no node was planning.
enum class Misfire : std::uint8_t {
    run_all,     ///< all of them run, late
    run_latest,  ///< the newest runs, late; the others are one row
    skip,        ///< none runs; they are one row
};

/// The misfire window that ends with the next fire, and what the API calls it. As a duration it is
/// longer than any other, and the column holds only this number: an older program treats it as no
/// limit.
inline constexpr std::chrono::seconds until_next{4'294'967'295};
inline constexpr std::string_view until_next_name = "until_next";

/// What a fire does that finds its job at its limit of runs at a time.
enum class Overlap : std::uint8_t {
    allow,    ///< there may be any number
    skip,     ///< it ends as `skipped`
    queue,    ///< it starts as soon as it may; one waits, further ones end as `skipped`
    replace,  ///< it ends the oldest run and starts when that is gone
};

/// The signal that asks a command to end, when its node ends it.
enum class StopSignal : std::uint8_t { term, interrupt, hangup, quit, abort, user1, user2, window };

/// What a run of the job is.
enum class JobKind : std::uint8_t {
    command,  ///< a process
    http,     ///< a request to a server
    daemon,   ///< a process that is kept alive
};

/// After which ends a daemon is started again.
enum class Restart : std::uint8_t {
    always,
    on_failure,  ///< not after a success
};

/// After which ends of its parents a job runs that runs after others: see model/chain.hpp.
enum class RunAfterOn : std::uint8_t { success, failure, end };

/// Which of the nodes that may run it gets a run.
enum class Spread : std::uint8_t {
    one,     ///< the least loaded
    sticky,  ///< the same one each time, as long as it is there
    shards,  ///< a fire is several runs, and each goes to the least loaded
    every,   ///< a fire is a run at each node that there is when it is planned
};

/// `automatic` is POST where there is a body, else GET.
enum class HttpMethod : std::uint8_t { automatic, get, head, post, put, patch, del, options };

template <class Policy>
struct PolicyNames;
template <>
struct PolicyNames<Delivery> {
    static constexpr std::array<std::string_view, 2> names{"at_most_once", "at_least_once"};
};
template <>
struct PolicyNames<Misfire> {
    static constexpr std::array<std::string_view, 3> names{"run_all", "run_latest", "skip"};
};
template <>
struct PolicyNames<Overlap> {
    static constexpr std::array<std::string_view, 4> names{"allow", "skip", "queue", "replace"};
};
template <>
struct PolicyNames<StopSignal> {
    static constexpr std::array<std::string_view, 8> names{
        "SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGABRT", "SIGUSR1", "SIGUSR2", "SIGWINCH"};
};
template <>
struct PolicyNames<JobKind> {
    static constexpr std::array<std::string_view, 3> names{"command", "http", "daemon"};
};
template <>
struct PolicyNames<Restart> {
    static constexpr std::array<std::string_view, 2> names{"always", "on_failure"};
};
template <>
struct PolicyNames<RunAfterOn> {
    static constexpr std::array<std::string_view, 3> names{"success", "failure", "end"};
};
template <>
struct PolicyNames<Spread> {
    static constexpr std::array<std::string_view, 4> names{"one", "sticky", "shards", "every"};
};
template <>
struct PolicyNames<HttpMethod> {
    static constexpr std::array<std::string_view, 8> names{"auto", "GET",   "HEAD",   "POST",
                                                           "PUT",  "PATCH", "DELETE", "OPTIONS"};
};

template <class Policy>
constexpr auto policy_name(Policy policy) -> decltype(PolicyNames<Policy>::names[0])
{
    return PolicyNames<Policy>::names[static_cast<std::size_t>(policy)];
}

/// nullopt: there is no such policy.
template <class Policy>
constexpr std::optional<Policy> parse_policy(std::string_view text)
{
    for (std::size_t i = 0; i < PolicyNames<Policy>::names.size(); ++i) {
        if (PolicyNames<Policy>::names[i] == text) return static_cast<Policy>(i);
    }
    return std::nullopt;
}

/// How many runs of a job there may be at a time in the whole cluster, and what a fire does beyond
/// that.
struct Concurrency {
    std::int64_t limit = 0;  ///< 0 = any number
    Overlap at_limit = Overlap::skip;

    friend bool operator==(const Concurrency&, const Concurrency&) = default;
};

}  // namespace peercron
