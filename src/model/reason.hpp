#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace peercron {

/// Why a row of the ledger stands as it does, where its state does not say all. Code, SQL, metrics
/// and the audit look at the cause, and only people at the detail.
enum class Cause : std::uint8_t {
    none,               ///< the state says it, with the detail
    mutex,              ///< as many runs of the job were alive as there may be
    replaced,           ///< a later fire took its place
    overload,           ///< no free slot by the start deadline, or the ledger was too far behind
    no_node,            ///< no node could take it in time
    misfire,            ///< could not be planned or started in time
    misfire_policy,     ///< the same, and the job's misfire policy says that it does not run late
    owner_unreachable,  ///< the node with the job's other run cannot be asked
    invalid,            ///< the row in table cron makes no sense
    job_changed,
    job_stopped,
    job_deleted,
    node_died,
    node_stopped,
    on_request,     ///< a person ended it
    node_isolated,  ///< its node could not hear the cluster
    superseded,     ///< the job's next fire came before a further attempt could start
    refused,        ///< its node may not, or cannot, run it as the job asks
    oom,            ///< the kernel ended it: it wanted more memory than its job may have
    window,         ///< a daemon was ended because its job's window is over
    start_limit,    ///< a daemon is given up: it ended too soon too many times in a row
    parent,         ///< a job that it runs after did not end as Job::run_after_on wants
    paused,         ///< its job was paused
    lock,           ///< a lock of the job was not free, or is too small for it
    calendar,       ///< the calendars of its job exclude it
    required,  ///< a job that it requires has not succeeded; while it is planned, it waits for that
};

/// By Cause. These words stand in ledgers, metrics and the API: they never change.
inline constexpr std::array<std::string_view, 26> cause_words{"",
                                                              "mutex",
                                                              "replaced",
                                                              "overload",
                                                              "no-node",
                                                              "misfire",
                                                              "misfire-policy",
                                                              "owner-unreachable",
                                                              "invalid",
                                                              "job-changed",
                                                              "job-stopped",
                                                              "job-deleted",
                                                              "node-died",
                                                              "node-stopped",
                                                              "on-request",
                                                              "node-isolated",
                                                              "superseded",
                                                              "refused",
                                                              "oom",
                                                              "window",
                                                              "start-limit",
                                                              "parent",
                                                              "paused",
                                                              "lock",
                                                              "calendar",
                                                              "requires"};

constexpr std::string_view to_string(Cause cause)
{
    return cause_words[static_cast<std::size_t>(cause)];
}

struct Reason {
    Cause cause = Cause::none;
    std::string detail = {};  ///< for people, "the previous run is still running"

    bool empty() const { return cause == Cause::none && detail.empty(); }

    friend bool operator==(const Reason&, const Reason&) = default;
};

/// "mutex: the previous run is still running", as column `reason` has it and people see it.
inline std::string to_string(const Reason& reason)
{
    std::string text(to_string(reason.cause));
    if (!text.empty() && !reason.detail.empty()) text += ": ";
    return text + reason.detail;
}

/// Reads it back; a text that begins with no cause is all detail.
inline Reason parse_reason(std::string_view text)
{
    const std::string_view word = text.substr(0, text.find(':'));
    const auto* const found = std::ranges::find(cause_words, word);
    if (word.empty() || found == cause_words.end()) return {Cause::none, std::string(text)};
    std::string_view rest = text.substr(word.size());
    if (rest.starts_with(": ")) rest.remove_prefix(2);
    return {static_cast<Cause>(found - cause_words.begin()), std::string(rest)};
}

}  // namespace peercron
