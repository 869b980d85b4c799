#pragma once

#include <string>
#include <string_view>

namespace peercron {

/// The value of `webhook-signature`: HMAC-SHA256 over id, moment and body.
///
/// Source: Standard Webhooks 1.0.0, https://github.com/standard-webhooks/standard-webhooks.
///
/// @param secret `whsec_` and base64, or any text, which then is the key itself.
/// @param moment Unix seconds, as in `webhook-timestamp`.
std::string webhook_signature(std::string_view secret, std::string_view id, std::string_view moment,
                              std::string_view body);

}  // namespace peercron
