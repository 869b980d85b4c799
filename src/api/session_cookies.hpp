#pragma once

#include "api/api.hpp"
#include "http/json_writer.hpp"
#include "http/router.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace peercron {

// What the ways to sign in have in common.

/// From which pages a browser sends a cookie along.
enum class SameSite : std::uint8_t {
    strict,  ///< those of this address
    lax,     ///< and when it is led here from elsewhere
};

/// Set-Cookie (RFC 6265bis): no script reads it. With `life` 0 the browser forgets it.
std::string make_cookie(const Call& call, std::string_view name, std::string_view secret,
                        std::chrono::seconds life, SameSite same_site);

/// Of a session.
std::string session_cookie_for(const Call& call, std::string_view secret,
                               std::chrono::seconds life);

/// Nobody signs in where others can read along. Throws HttpError 403.
void refuse_plain_sign_in(const ApiContext& context, const Call& call);

}  // namespace peercron
