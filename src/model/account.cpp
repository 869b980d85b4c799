#include "model/account.hpp"

#include "base/utf8.hpp"

#include <algorithm>

namespace peercron {

std::optional<std::string> find_name_problem(std::string_view name)
{
    constexpr std::size_t longest = 64;
    const auto is_allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-' || c == '@' || c == '+';
    };
    if (!name.empty() && name.size() <= longest && std::ranges::all_of(name, is_allowed)) {
        return std::nullopt;
    }
    return "name: given " + quote_utf8(name) +
           "; 1 to 64 letters, digits and the characters . _ - @ + are allowed";
}

}  // namespace peercron
