#include "model/retry.hpp"

#include "model/exit_codes.hpp"
#include "model/hash.hpp"

#include <algorithm>
#include <string>

namespace peercron {
namespace {

/// A word of Job::retry_on, taken apart.
struct RetryWord {
    bool is_exclusion = false;
    std::optional<RunState> state;  ///< not set: exit codes
    ExitCodes codes;
};

std::optional<RetryWord> read_retry_word(std::string_view text)
{
    RetryWord word;
    for (const RunState state : {RunState::failed, RunState::timeout}) {
        if (text != to_string(state)) continue;
        word.state = state;
        return word;
    }
    word.is_exclusion = text.starts_with('!');
    if (word.is_exclusion) text.remove_prefix(1);
    const auto codes = parse_exit_codes(text);
    if (!codes) return std::nullopt;
    word.codes = *codes;
    return word;
}

}  // namespace

bool is_retry_word(std::string_view word)
{
    return read_retry_word(word).has_value();
}

bool is_retried_after(const Job& job, RunState state, std::optional<int> exit_code)
{
    if (state != RunState::failed && state != RunState::timeout) return false;
    bool names_any = false;
    bool is_named = false;
    for (const std::string& text : job.retry_on) {
        const auto word = read_retry_word(text);
        if (!word) continue;  // somebody wrote it into the database by hand
        const bool is_code = state == RunState::failed && exit_code && !word->state &&
                             word->codes.first <= *exit_code && *exit_code <= word->codes.last;
        if (word->is_exclusion) {
            if (is_code) return false;
            continue;
        }
        names_any = true;
        is_named = is_named || is_code || word->state == state;
    }
    return is_named || !names_any;
}

std::chrono::milliseconds retry_delay(const Job& job, const RunId& next)
{
    using std::chrono::milliseconds;
    const milliseconds longest = std::max(job.retry_delay, job.retry_max_delay);
    milliseconds delay = job.retry_delay;
    for (std::int32_t attempt = 2; attempt < next.attempt && delay < longest; ++attempt) {
        delay *= 2;
    }
    delay = std::min(delay, longest);
    std::uint64_t hash = mix(0, static_cast<std::uint64_t>(next.job));
    hash = mix(hash, static_cast<std::uint64_t>(to_unix_millis(next.scheduled_at)));
    hash = mix(hash, static_cast<std::uint64_t>(next.attempt));
    if (next.part != 0) hash = mix(hash, static_cast<std::uint64_t>(next.part));
    const auto spread = static_cast<std::int64_t>(hash % 2001) - 1000;  // ±10 % in 0.01 %
    return delay + delay * spread / 10'000;
}

}  // namespace peercron
