#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace peercron {

/// An expression that names its time zone itself, as some schedulers have it:
/// "CRON_TZ=Asia/Tokyo 0 9 * * *", "TZ=Asia/Tokyo 0 9 * * *".
struct ZonedExpression {
    std::string zone;  ///< as it was typed; may be empty
    std::string expression;
};

/// Takes the two apart; nullopt when `text` does not begin so. Pure.
std::optional<ZonedExpression> split_zone(std::string_view text);

}  // namespace peercron
