#include "base/base64.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace peercron {
namespace {

constexpr std::string_view url_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr unsigned bits_of_letter = 6;
constexpr unsigned bits_of_byte = 8;

bool is_of_base64(char letter)
{
    if (letter == '+' || letter == '/') return true;
    return letter != '-' && letter != '_' && url_alphabet.find(letter) != url_alphabet.npos;
}

const unsigned char* letters_of(std::string_view text)
{
    return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string encode_base64(std::string_view bytes)
{
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     letters_of(bytes), static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

std::optional<std::string> decode_base64(std::string_view text)
{
    if (text.empty() || text.size() % 4 != 0) return std::nullopt;
    const std::size_t padding = text.size() - (text.find_last_not_of('=') + 1);
    if (padding > 2) return std::nullopt;
    // OpenSSL passes over blanks at the ends, and takes a = within the text for a zero.
    if (!std::ranges::all_of(text.substr(0, text.size() - padding), is_of_base64)) {
        return std::nullopt;
    }
    std::string bytes(text.size() / 4 * 3, '\0');
    const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                     letters_of(text), static_cast<int>(text.size()));
    if (size < static_cast<int>(padding)) return std::nullopt;
    bytes.resize(static_cast<std::size_t>(size) - padding);
    return bytes;
}

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
            text += url_alphabet[(bits >> count) & 63U];
        }
    }
    if (count > 0) text += url_alphabet[(bits << (bits_of_letter - count)) & 63U];
    return text;
}

std::optional<std::string> decode_base64url(std::string_view text)
{
    std::string bytes;
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const char letter : text) {
        const std::size_t value = url_alphabet.find(letter);
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
