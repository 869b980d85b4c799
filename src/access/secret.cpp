#include "access/secret.hpp"

#include <openssl/rand.h>
#include <openssl/sha.h>
#include <spdlog/fmt/fmt.h>

#include <array>
#include <cstdint>
#include <stdexcept>

namespace peercron {

std::string random_secret()
{
    constexpr std::string_view letters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::array<unsigned char, 32> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
        throw std::runtime_error("the system has no random numbers");
    }
    std::string text;
    std::uint32_t bits = 0;
    int count = 0;
    for (const unsigned char byte : bytes) {
        bits = (bits << 8U) | byte;
        count += 8;
        while (count >= 6) {
            count -= 6;
            text += letters[(bits >> static_cast<unsigned>(count)) & 63U];
        }
    }
    text += letters[(bits << static_cast<unsigned>(6 - count)) & 63U];
    return text;
}

std::string digest_of(std::string_view secret)
{
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    SHA256(reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), digest.data());
    return fmt::format("{:02x}", fmt::join(digest, ""));
}

}  // namespace peercron
