#include "model/lock.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <charconv>
#include <system_error>

namespace peercron {
namespace {

std::optional<std::int64_t> parse_weight(std::string_view text)
{
    std::int64_t weight = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), weight);
    const bool is_whole = error == std::errc() && end == text.data() + text.size();
    const bool is_plain = is_whole && text.front() != '0' && text.front() != '-';
    if (!is_plain || weight > most_lock_limit) return std::nullopt;
    return weight;
}

}  // namespace

bool is_lock_name(std::string_view text)
{
    constexpr std::size_t longest = 64;
    constexpr std::string_view others = "_.-";
    return !text.empty() && text.size() <= longest && std::ranges::all_of(text, [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               others.find(c) != std::string_view::npos;
    });
}

std::optional<LockClaim> parse_lock(std::string_view text)
{
    const std::size_t colon = text.find(':');
    const std::string_view name = text.substr(0, colon);
    if (!is_lock_name(name)) return std::nullopt;
    if (colon == std::string_view::npos) return LockClaim{std::string(name)};
    const auto weight = parse_weight(text.substr(colon + 1));
    if (!weight) return std::nullopt;
    return LockClaim{std::string(name), *weight};
}

std::vector<LockClaim> read_locks(std::span<const std::string> words)
{
    std::vector<LockClaim> claims;
    for (const std::string& word : words) {
        LockClaim claim =
            parse_lock(word).value_or(LockClaim{std::string(word.substr(0, word.find(':')))});
        const auto known = std::ranges::find(claims, claim.name, &LockClaim::name);
        if (known == claims.end()) {
            claims.push_back(std::move(claim));
        } else {
            known->weight = std::max(known->weight, claim.weight);
        }
    }
    return claims;
}

std::optional<std::string> find_doubled_lock(std::span<const std::string> words)
{
    const std::vector<LockClaim> claims = read_locks(words);
    if (claims.size() == words.size()) return std::nullopt;
    for (const LockClaim& claim : claims) {
        const auto is_of_it = [&claim](const std::string& word) {
            const auto named = parse_lock(word);
            return named && named->name == claim.name;
        };
        if (std::ranges::count_if(words, is_of_it) > 1) {
            return fmt::format("names the lock {} twice; each lock once is allowed", claim.name);
        }
    }
    return std::nullopt;
}

std::int64_t limit_of(std::string_view name, std::span<const LockLimit> limits)
{
    const auto found = std::ranges::find(limits, name, &LockLimit::name);
    return found == limits.end() ? usual_lock_limit : found->limit;
}

std::optional<std::string> find_oversized_lock(std::span<const LockClaim> claims,
                                               std::span<const LockLimit> limits)
{
    for (const LockClaim& claim : claims) {
        const std::int64_t limit = limit_of(claim.name, limits);
        if (claim.weight <= limit) continue;
        return fmt::format("takes {} of the lock {}, whose limit is {}", claim.weight, claim.name,
                           limit);
    }
    return std::nullopt;
}

}  // namespace peercron
