#include "access/secret.hpp"

#include "base/base64.hpp"
#include "base/digest.hpp"

#include <spdlog/fmt/fmt.h>

namespace peercron {

std::string random_secret()
{
    return encode_base64url(view(random_bytes()));
}

std::string digest_of(std::string_view secret)
{
    std::string text;
    for (const char byte : sha256(secret)) {
        text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    }
    return text;
}

}  // namespace peercron
