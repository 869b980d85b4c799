#include "oidc/base64url.hpp"

#include <cstddef>
#include <cstdint>

namespace peercron {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr unsigned bits_of_letter = 6;
constexpr unsigned bits_of_byte = 8;

}  // namespace

std::string encode_base64url(std::string_view bytes)
{
    std::string text;
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const char byte : bytes) {
        bits = (bits << bits_of_byte) | static_cast<unsigned char>(byte);
        count += bits_of_byte;
        while (count >= bits_of_letter) {
            count -= bits_of_letter;
            text += alphabet[(bits >> count) & 63U];
        }
    }
    if (count > 0) text += alphabet[(bits << (bits_of_letter - count)) & 63U];
    return text;
}

std::optional<std::string> decode_base64url(std::string_view text)
{
    std::string bytes;
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const char letter : text) {
        const std::size_t value = alphabet.find(letter);
        if (value == std::string_view::npos) return std::nullopt;
        bits = (bits << bits_of_letter) | static_cast<std::uint32_t>(value);
        count += bits_of_letter;
        if (count < bits_of_byte) continue;
        count -= bits_of_byte;
        bytes += static_cast<char>((bits >> count) & 255U);
        bits &= (1U << count) - 1U;
    }
    if (count >= bits_of_letter || bits != 0) return std::nullopt;
    return bytes;
}

}  // namespace peercron
