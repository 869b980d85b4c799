#include "schedule/schedule.hpp"
#include "fuzzers.hpp"
#include "schedule/advice.hpp"
#include "schedule/describe.hpp"
#include "schedule/posix_zone_rule.hpp"
#include "schedule/preview.hpp"
#include "schedule/zone_prefix.hpp"

#include <chrono>
#include <string>

namespace peercron::fuzz {

/// An expression, which may name its zone; and, since that is as short, the rule of a zone.
void fuzz_schedule(std::string_view bytes)
{
    using namespace std::chrono;
    constexpr sys_seconds from = sys_days(year(2026) / 3 / 28);

    if (const auto rule = PosixZoneRule::parse(bytes)) {
        for (const int each : {1970, 2000, 2026, 2199}) {
            const auto changes = rule->changes(year(each));
            promise(changes[0].at <= changes[1].at, "the earlier change comes first");
        }
    }

    const auto zoned = split_zone(bytes);
    const std::string expression = zoned ? zoned->expression : std::string(bytes);
    const std::string zone = zoned ? zoned->zone : "Europe/Berlin";
    const auto schedule = Schedule::make(expression, zone, 42);
    const auto shown = preview(
        {.expression = std::string(bytes), .zone = "Europe/Berlin", .from = from, .count = 8});
    if (!schedule) {
        promise(!schedule.error().message.empty(), "a refusal says why");
        return;
    }
    if (shown) {
        (void)preview_text(*shown);
        (void)preview_json(*shown);
    }
    promise(!describe(schedule->expression()).empty(), "each expression has words");
    (void)advice(expression, *schedule, from);
    (void)doubts(expression, *schedule, from);

    sys_seconds last = from;
    for (int i = 0; i < 16; ++i) {
        const auto next = schedule->next(last);
        if (!next) break;
        promise(*next > last, "the next fire is later");
        const Window window{.start = last.time_since_epoch().count(),
                            .end = next->time_since_epoch().count()};
        promise(!schedule->next_in_window(last, window), "no fire is between a fire and the next");
        last = *next;
    }
}

}  // namespace peercron::fuzz
