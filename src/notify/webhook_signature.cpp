#include "notify/webhook_signature.hpp"

#include "base/base64.hpp"
#include "base/digest.hpp"

namespace peercron {

std::string webhook_signature(std::string_view secret, std::string_view id, std::string_view moment,
                              std::string_view body)
{
    constexpr std::string_view prefix = "whsec_";
    std::string key(secret);
    if (secret.starts_with(prefix)) {
        if (auto bytes = decode_base64(secret.substr(prefix.size()))) key = *std::move(bytes);
    }
    std::string content(id);
    content.append(".").append(moment).append(".").append(body);
    return "v1," + encode_base64(view(Hmac(key).of({content})));
}

}  // namespace peercron
