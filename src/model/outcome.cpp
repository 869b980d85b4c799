#include "model/outcome.hpp"

#include "model/missed.hpp"

#include <algorithm>

namespace peercron {

std::optional<Outcome> parse_outcome(std::string_view word)
{
    const auto* const found = std::ranges::find(outcome_words, word);
    if (found == outcome_words.end()) return std::nullopt;
    return static_cast<Outcome>(found - outcome_words.begin());
}

std::optional<Outcome> outcome_of(RunState state, Cause cause)
{
    switch (state) {
        case RunState::success:
            return Outcome::success;
        case RunState::failed:
            return Outcome::failed;
        case RunState::timeout:
            return Outcome::timeout;
        case RunState::killed:
            return Outcome::killed;
        case RunState::lost:
            return Outcome::lost;
        case RunState::fenced:
            return Outcome::fenced;
        case RunState::skipped:
            return missed_word(state, cause, Delivery::at_most_once) ? Outcome::missed
                                                                     : Outcome::skipped;
        case RunState::planned:
        case RunState::running:
        case RunState::revoked:
            break;
    }
    return std::nullopt;
}

std::optional<Outcome> outcome_of_fire(std::span<const std::optional<Outcome>> parts)
{
    std::optional<Outcome> worst;  // of those that ran
    std::optional<Outcome> why;    // others did not
    bool is_whole = true;
    for (const std::optional<Outcome>& part : parts) {
        if (!part) {
            is_whole = false;
        } else {
            auto& greatest = did_run(*part) ? worst : why;
            greatest = std::max(greatest.value_or(*part), *part);
        }
    }
    const bool went_wrong = worst && *worst != Outcome::success;
    if (went_wrong) return worst;
    if (!is_whole) return std::nullopt;
    if (worst && why) return Outcome::failed;
    return worst ? worst : why;
}

std::optional<std::chrono::milliseconds> EndedRun::lateness() const
{
    if (!started_at || attempt != 1 || of_backfill) return std::nullopt;
    return std::chrono::duration_cast<std::chrono::milliseconds>(*started_at -
                                                                 retry_at.value_or(scheduled_at));
}

}  // namespace peercron
