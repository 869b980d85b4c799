#include "base/percent.hpp"
#include "base/units.hpp"
#include "cli/moments.hpp"
#include "fuzzers.hpp"
#include "schedule/rfc3339.hpp"

#include <chrono>
#include <string>

namespace peercron::fuzz {

/// What people write for moments, durations, sizes, and in URLs.
void fuzz_time(std::string_view bytes)
{
    using namespace std::chrono;
    constexpr sys_seconds now = sys_days(year(2026) / 11 / 29);

    // What is the year 10000 in UTC has no such text there.
    if (const auto moment = parse_rfc3339(bytes);
        moment && *moment < sys_days(year(10000) / 1 / 1)) {
        const auto again = parse_rfc3339(format_rfc3339(*moment, seconds(0)));
        promise(again && *again == *moment, "a moment is written as it is read");
    }
    if (const auto duration = parse_duration(bytes)) {
        promise(parse_duration(format_duration(*duration)) == *duration,
                "a duration is written as it is read");
    }
    if (const auto size = parse_size(bytes)) {
        const std::string text = format_size(*size);
        promise(!text.empty(), "each size has a text");
    }
    if (const auto duration = read_duration(bytes)) {
        const auto again = read_duration(duration_text(*duration));
        promise(again && *again == *duration,
                "a duration of the command line is written as it is read");
    }
    (void)read_moment(bytes, now);
    (void)read_past(bytes, now);

    if (const auto text = decode_percent(bytes))
        promise(text->size() <= bytes.size(), "decoding adds nothing");
    if (const auto text = decode_form(bytes))
        promise(text->size() <= bytes.size(), "decoding adds nothing");
}

}  // namespace peercron::fuzz
