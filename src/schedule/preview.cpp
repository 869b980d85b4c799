#include "schedule/preview.hpp"

#include "schedule/advice.hpp"
#include "schedule/describe.hpp"
#include "schedule/quote.hpp"
#include "schedule/rfc3339.hpp"
#include "schedule/schedule.hpp"
#include "schedule/zone_prefix.hpp"

#include <spdlog/fmt/fmt.h>

#include <string_view>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using std::chrono::sys_seconds;

constexpr int most_fires = 1000;

std::string on_the_clock(const TimeZone& zone, sys_seconds time)
{
    return format_rfc3339(time, zone.offset_at(time));
}

/// A JSON string of text whose other bytes are plain ASCII: it passed the parser.
std::string json_string(std::string_view text)
{
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') quoted += '\\';
        if (c < ' ') {
            quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
            quoted += c;
        }
    }
    return quoted + '"';
}

}  // namespace

Result<Preview> preview(const PreviewRequest& request)
{
    if (request.count < 1 || request.count > most_fires) {
        return Error{
            fmt::format("{} fires cannot be listed; allowed are 1-{}", request.count, most_fires)};
    }
    ZonedExpression asked{request.zone, request.expression};
    if (auto split = split_zone(request.expression)) {
        if (request.zone != "UTC" && request.zone != split->zone) {
            return Error{fmt::format("the expression names the time zone {}, but {} was given",
                                     quote(split->zone), quote(request.zone))};
        }
        asked = std::move(*split);
    }
    const auto schedule = Schedule::make(asked.expression, asked.zone, request.job_id);
    if (!schedule) return schedule.error();
    Preview preview;
    preview.expression = request.expression;
    preview.description = describe(schedule->expression());
    preview.zone = &schedule->zone();
    sys_seconds after = request.from;
    for (int i = 0; i < request.count; ++i) {
        const auto fire = schedule->next(after);
        if (!fire) break;
        preview.fires.push_back(*fire);
        after = *fire;
    }
    preview.is_whole = preview.fires.size() == static_cast<std::size_t>(request.count);
    preview.advice = advice(asked.expression, *schedule, request.from);
    return preview;
}

std::string preview_text(const Preview& preview)
{
    std::string text =
        fmt::format("{}\n{} ({})\n", preview.expression, preview.description, preview.zone->name());
    for (const sys_seconds fire : preview.fires) text += on_the_clock(*preview.zone, fire) + '\n';
    if (!preview.is_whole) text += "no further fires\n";
    return text;
}

std::string preview_json(const Preview& preview)
{
    std::string next;
    for (const sys_seconds fire : preview.fires) {
        if (!next.empty()) next += ',';
        next += json_string(on_the_clock(*preview.zone, fire));
    }
    std::string line =
        fmt::format(R"({{"expression":{},"description":{},"time_zone":{},"next":[{}]}})",
                    json_string(preview.expression), json_string(preview.description),
                    json_string(preview.zone->name()), next);
    line += '\n';
    return line;
}

}  // namespace peercron
