#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace peercron {

/// What a caller of the API may do; each role may do what the ones before it may.
enum class Role : std::uint8_t {
    read,     ///< see jobs, runs, outputs and nodes
    operate,  ///< run jobs now, stop and start them; end, retry and give up runs
    admin,    ///< add, change and delete jobs: run any command
    owner,    ///< accounts, tokens and channels
};

/// By Role, as configuration, API and store name them.
inline constexpr std::array<std::string_view, 4> role_words{"read", "operate", "admin", "owner"};

constexpr std::string_view to_string(Role role)
{
    return role_words[static_cast<std::size_t>(role)];
}

constexpr std::optional<Role> parse_role(std::string_view word)
{
    for (std::size_t i = 0; i < role_words.size(); ++i) {
        if (role_words[i] == word) return static_cast<Role>(i);
    }
    return std::nullopt;
}

}  // namespace peercron
