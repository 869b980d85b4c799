#include "model/exit_codes.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace peercron {
namespace {

std::optional<int> parse_code(std::string_view text)
{
    constexpr int last_code = 255;
    constexpr std::size_t most_digits = 3;
    int code = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, code);
    if (error != std::errc() || rest != end || text.size() > most_digits) return std::nullopt;
    if (code < 0 || code > last_code) return std::nullopt;
    return code;
}

}  // namespace

std::optional<ExitCodes> parse_exit_codes(std::string_view text)
{
    const std::size_t dash = text.find('-');
    const auto first = parse_code(text.substr(0, dash));
    if (dash == std::string_view::npos) {
        if (!first) return std::nullopt;
        return ExitCodes{*first, *first};
    }
    const auto last = parse_code(text.substr(dash + 1));
    if (!first || !last || *first > *last) return std::nullopt;
    return ExitCodes{*first, *last};
}

bool is_success_code(std::span<const std::string> success_codes, int code)
{
    if (success_codes.empty()) return code == 0;
    return std::ranges::any_of(success_codes, [code](const std::string& text) {
        const auto codes = parse_exit_codes(text);
        return codes && codes->contains(code);
    });
}

}  // namespace peercron
