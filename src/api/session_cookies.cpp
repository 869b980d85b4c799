#include "api/session_cookies.hpp"

#include <spdlog/fmt/fmt.h>

namespace peercron {

std::string make_cookie(const Call& call, std::string_view name, std::string_view secret,
                        std::chrono::seconds life, SameSite same_site)
{
    return fmt::format("{}={}; Path=/; Max-Age={}; HttpOnly; SameSite={}{}", name, secret,
                       life.count(), same_site == SameSite::strict ? "Strict" : "Lax",
                       call.is_https ? "; Secure" : "");
}

std::string session_cookie_for(const Call& call, std::string_view secret, std::chrono::seconds life)
{
    return make_cookie(call, call.is_https ? secure_session_cookie : session_cookie, secret, life,
                       SameSite::strict);
}

void refuse_plain_sign_in(const ApiContext& context, const Call& call)
{
    if (call.is_private || context.plain_sign_in) return;
    throw HttpError(
        http::status::forbidden,
        "nobody signs in over plain HTTP from another machine: give the node a "
        "certificate ([tls] cert and key); or put a proxy with TLS in front, name it in [http] "
        "trusted_proxies and let it send X-Forwarded-Proto; or, where nobody can read along, "
        "set [http] plain_sign_in = true");
}

}  // namespace peercron
