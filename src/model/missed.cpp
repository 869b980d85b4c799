#include "model/missed.hpp"

#include <algorithm>

namespace peercron {

std::optional<std::string_view> missed_word(RunState state, Cause cause, Delivery delivery)
{
    if (state == RunState::lost) {
        if (delivery == Delivery::at_least_once) return std::nullopt;
        return missed_words.back();
    }
    if (state != RunState::skipped || std::ranges::count(missed_causes, cause) == 0) {
        return std::nullopt;
    }
    return to_string(cause);
}

}  // namespace peercron
