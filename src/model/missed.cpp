#include "model/missed.hpp"

#include <algorithm>

namespace peercron {

std::string_view reason_word(std::string_view reason)
{
    return reason.substr(0, reason.find(':'));
}

std::optional<std::string_view> missed_cause(RunState state, std::string_view reason,
                                             Delivery delivery)
{
    if (state == RunState::lost) {
        if (delivery == Delivery::at_least_once) return std::nullopt;
        return missed_causes.back();
    }
    if (state != RunState::skipped) return std::nullopt;
    const auto* const cause = std::ranges::find(missed_reasons, reason_word(reason));
    if (cause == missed_reasons.end()) return std::nullopt;
    return *cause;
}

}  // namespace peercron
