#pragma once

#include "model/chain.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// What made a run, other than its schedule: a person, or the end of the jobs that it runs after.
/// The column requested_by, the messages between nodes and a run's next attempts have it as one
/// text: "alice from 10.0.0.7", with inputs `alice from 10.0.0.7 {"DAY":"2026-11-21"}`, or
/// "after extract (job 12: success, exit code 0)". So it comes to the node that runs it, whatever
/// happens to dispatchers meanwhile.
///
/// A rehearsal, "alice from 10.0.0.7 (rehearsal)", is run as any other and counts for nothing: not
/// in statistics, states, run_num and run_limit; no job runs after it, and nobody is told of it.
struct RunRequest {
    std::string by;                        ///< a person; empty: none
    std::vector<std::string> inputs = {};  ///< NAME=value each
    bool without_chain = false;            ///< the jobs that run after it do not
    std::optional<ParentEnd> parent = {};  ///< what it runs after
    /// It is the retry of what that person has asked for, by the job's own rules: "alice (retry)".
    bool is_retry = false;
    bool rehearsal = false;

    friend bool operator==(const RunRequest&, const RunRequest&) = default;
};

/// How many characters the text may have: as many as the column takes.
inline constexpr std::size_t longest_request = 255;

/// Only the text of a rehearsal has it, or of something that looks like one.
inline constexpr std::string_view rehearsal_mark = " (rehearsal)";

std::string to_string(const RunRequest& request);
/// Reads it back; what does not end with anything else is all `by`.
RunRequest parse_request(std::string_view text);

/// Whether a person asked for the run that has this text, or for one that it is a retry of.
bool is_of_person(std::string_view requested_by);
bool is_rehearsal(std::string_view requested_by);
/// The text of the retry of a run that has this text: nobody has asked for that one.
std::string request_of_retry(std::string_view requested_by);

// A job declares its inputs (Job::inputs): "NAME", "NAME=default", or "NAME:one|two|three", whose
// first choice is the default.

/// What is wrong with the inputs that a person has given; nullopt: nothing. Only declared ones may
/// be given, each once, and of several choices one.
std::optional<std::string> find_input_problem(std::span<const std::string> declared,
                                              std::span<const std::string> given);

/// Each declared input as a variable of the command: PEERCRON_INPUT_NAME=value. What is given and
/// not declared is left out: the job may have been changed since it was asked for.
std::vector<std::string> input_variables(std::span<const std::string> declared,
                                         std::span<const std::string> given);

}  // namespace peercron
