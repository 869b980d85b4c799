#include "access/password.hpp"

#include "base/digest.hpp"
#include "base/utf8.hpp"

#include <openssl/crypto.h>
#include <spdlog/fmt/fmt.h>

#include <array>
#include <memory>
#include <stdexcept>

#include <crypt.h>

namespace peercron {
namespace {

/// "" when libcrypt refuses.
std::string crypt_text(const std::string& password, const std::string& setting)
{
    const auto room = std::make_unique<crypt_data>();  // 32 KiB
    const char* const hash =
        ::crypt_rn(password.c_str(), setting.c_str(), room.get(), sizeof(crypt_data));
    std::string text = hash == nullptr ? "" : hash;
    OPENSSL_cleanse(room.get(), sizeof(crypt_data));
    return text;
}

}  // namespace

std::string hash_password(const std::string& password)
{
    constexpr const char* yescrypt = "$y$";
    std::array<char, CRYPT_GENSALT_OUTPUT_SIZE> setting{};
    // 0 and no bytes: the usual cost, and the kernel's random numbers.
    const char* const made = ::crypt_gensalt_rn(yescrypt, 0, nullptr, 0, setting.data(),
                                                static_cast<int>(setting.size()));
    std::string hash = made == nullptr ? "" : crypt_text(password, made);
    if (hash.empty()) throw std::runtime_error("this machine's libcrypt has no yescrypt");
    return hash;
}

bool is_password(const std::string& password, const std::string& hash)
{
    const std::string shown = crypt_text(password, hash);
    return !shown.empty() && equal_secrets(shown, hash);
}

std::optional<std::string> find_password_problem(std::string_view password)
{
    constexpr std::size_t fewest = 8;
    constexpr std::size_t most = 256;  // bytes; libcrypt takes 511
    if (password.find('\0') != std::string_view::npos) return "password: it has a NUL in it";
    const std::size_t length = count_characters(password);
    if (length < fewest || password.size() > most) {
        return fmt::format(
            "password: given {} characters; at least {}, and at most {} bytes, are "
            "allowed",
            length, fewest, most);
    }
    return std::nullopt;
}

}  // namespace peercron
