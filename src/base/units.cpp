#include "base/units.hpp"

#include <array>
#include <charconv>
#include <cstdint>

namespace peercron {
namespace {

struct Unit {
    std::string_view name;
    std::int64_t factor;
};

// From the smallest; nothing longer than a thousand days or larger than a tebibyte is meant.
constexpr std::array<Unit, 4> durations{{{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}}};
constexpr std::array<Unit, 3> sizes{{{"KiB", 1LL << 10}, {"MiB", 1LL << 20}, {"GiB", 1LL << 30}}};
constexpr std::int64_t largest_duration = 24'000LL * 3'600'000;
constexpr std::int64_t largest_size = 1LL << 40;

template <class Units>
std::optional<std::int64_t> parse(std::string_view text, const Units& units, std::int64_t largest)
{
    std::int64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || number < 0) return std::nullopt;
    const std::string_view name(rest, static_cast<std::size_t>(end - rest));
    for (const Unit& unit : units) {
        if (unit.name != name) continue;
        if (number > largest / unit.factor) return std::nullopt;
        return number * unit.factor;
    }
    return std::nullopt;
}

template <class Units>
std::string format(std::int64_t number, const Units& units)
{
    for (auto unit = units.rbegin(); unit != units.rend(); ++unit) {
        if (number >= unit->factor && number % unit->factor == 0) {
            return std::to_string(number / unit->factor).append(unit->name);
        }
    }
    return std::to_string(number);
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text)
{
    const auto millis = parse(text, durations, largest_duration);
    if (!millis) return std::nullopt;
    return std::chrono::milliseconds(*millis);
}

std::string format_duration(std::chrono::milliseconds duration)
{
    if (duration.count() == 0) return "0s";
    return format(duration.count(), durations);
}

std::optional<std::size_t> parse_size(std::string_view text)
{
    const auto bytes = parse(text, sizes, largest_size);
    if (!bytes) return std::nullopt;
    return static_cast<std::size_t>(*bytes);
}

std::string format_size(std::size_t bytes)
{
    return format(static_cast<std::int64_t>(bytes), sizes);
}

}  // namespace peercron
