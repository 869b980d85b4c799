#include "api/insight_rows.hpp"
#include "api/job_book.hpp"
#include "api/job_rules.hpp"
#include "api/routes.hpp"
#include "api/rows.hpp"
#include "base/utf8.hpp"
#include "http/answer.hpp"
#include "insight/load_forecast.hpp"
#include "model/requires.hpp"
#include "model/tags.hpp"
#include "store/pause_store.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using std::chrono::minutes;
using std::chrono::sys_seconds;

struct Forecast {
    LoadForecast load;
    std::int64_t jobs = 0;
    std::int64_t unknown = 0;  ///< without a usual time
};

bool is_meant(const BookedJob& job, const std::optional<std::string>& tag)
{
    return job.may_fire() && (!tag || has_tag(job.tags, *tag));
}

/// A pause counts that has begun by `from`.
Forecast forecast(Store& store, const BookedJobs& jobs, const std::optional<std::string>& tag,
                  sys_seconds from, sys_seconds to)
{
    const Pauses pauses(store.pauses().pauses_after(from));
    Forecast all{LoadForecast(from, to)};
    for (const auto& [id, job] : jobs) {
        if (!is_meant(job, tag)) continue;
        const auto window = open_window(id, job, pauses, from);
        if (!window) continue;
        ++all.jobs;
        if (!job.usual_time) ++all.unknown;
        all.load.add(job.fires_in(*window), job.usual_time.value_or(0ms), job.runs_left,
                     {id, job.jitter});
    }
    return all;
}

void write_forecast_cell(JsonWriter& json, const LoadForecast::Cell& cell)
{
    json.begin_object();
    field_millis(json, "at", cell.at);
    json.field("fires", cell.fires);
    json.field("running", static_cast<std::int64_t>(std::ceil(cell.running)));
    json.field("peak", cell.peak);
    json.end_object();
}

struct NodeSlots {
    NodeName node;
    std::int64_t slots = 0;
};

std::vector<NodeSlots> slots_of(const std::vector<NodeLoad>& loads)
{
    std::vector<NodeSlots> nodes;
    for (const NodeLoad& load : loads) {
        if (load.connected && !load.draining) nodes.push_back({load.node, load.slots});
    }
    return nodes;
}

asio::awaitable<Response> show_forecast(const ApiContext& context, JobBook& book, const Call& call)
{
    const std::int64_t hours = call.params.integer("hours", 1, 31 * 24).value_or(24);
    const auto tag = call.params.text("tag");
    const auto from = std::chrono::floor<minutes>(context.clock.now());
    const sys_seconds to = from + std::chrono::hours(hours);
    const minutes step = hours <= 48 ? 10min : 60min;
    const std::vector<NodeSlots> nodes = slots_of(context.loads());
    std::int64_t slots = 0;
    for (const NodeSlots& node : nodes) slots += node.slots;
    const auto read = [&](Store& store, const BookedJobs& jobs) {
        const Forecast found = forecast(store, jobs, tag, from, to);
        const std::vector<LoadForecast::Cell> cells = found.load.cells(step);
        const auto busiest = std::ranges::max_element(
            cells, {}, [](const auto& cell) { return std::pair(cell.peak, cell.fires); });
        return answer([&](JsonWriter& json) {
            json.begin_object();
            field_millis(json, "from", from);
            field_millis(json, "to", to);
            field_duration(json, "step", step);
            json.field("jobs", found.jobs);
            json.field("unknown", found.unknown);
            json.field("slots", slots);
            json.key("busiest");
            write_forecast_cell(json, *busiest);
            json.key("nodes");
            json.begin_array();
            for (const NodeSlots& node : nodes) {
                // Runs go where the least runs: by slots, about evenly.
                const auto share =
                    slots == 0 ? 0.0 : static_cast<double>(node.slots) / static_cast<double>(slots);
                const double peak = share * static_cast<double>(busiest->peak);
                json.begin_object();
                json.field("name", node.node);
                json.field("slots", node.slots);
                json.field("peak", static_cast<std::int64_t>(std::ceil(peak)));
                json.end_object();
            }
            json.end_array();
            json.key("cells");
            json.begin_array();
            for (const auto& cell : cells) write_forecast_cell(json, cell);
            json.end_array();
            json.end_object();
        });
    };
    co_return co_await book.read(read);
}

std::optional<std::string> why_skipped(const Pauses& pauses, const AgendaFire& fire,
                                       const BookedJob& job)
{
    const Pause* const pause = pauses.find(fire.job, job.tags, fire.at);
    if (pause != nullptr) return to_string(reason_of(*pause));
    const auto excluded = job.why_excluded(fire.at);
    if (!excluded) return std::nullopt;
    return to_string(Reason{Cause::calendar, *excluded});
}

/// On which condition it runs that nobody knows yet.
std::optional<std::string> condition_of(const BookedJob& job)
{
    if (job.required.empty()) return std::nullopt;
    return required_words(job.required);
}

asio::awaitable<Response> list_coming_fires(const ApiContext& context, JobBook& book,
                                            const Call& call)
{
    const Slice slice = read_slice(call.params);
    const auto tag = call.params.text("tag");
    const WallTime now = context.clock.now();
    const auto from =
        std::chrono::ceil<std::chrono::seconds>(call.params.time("from").value_or(now));
    const auto to =
        std::chrono::ceil<std::chrono::seconds>(call.params.time("to").value_or(from + 1h));
    if (from >= to) refuse("to: it must be later than from");
    const sys_seconds end = std::min<sys_seconds>(to, from + 31 * 24h);
    const auto read = [&](Store& store, const BookedJobs& jobs) {
        const Pauses pauses(store.pauses().pauses_after(from));
        std::vector<AgendaJob> all;
        for (const auto& [id, job] : jobs) {
            if (!is_meant(job, tag)) continue;
            all.push_back({id, {&*job.schedule, job.window, nullptr, {}}, job.runs_left});
        }
        // Each page is found by going through those before it.
        constexpr std::size_t furthest = 100'000;
        std::vector<AgendaFire> fires;
        if (slice.offset < furthest) fires = agenda(all, from, end, slice.offset, slice.limit);
        return answer([&](JsonWriter& json) {
            json.begin_object();
            json.key("list");
            json.begin_array();
            for (const AgendaFire& fire : fires) {
                const BookedJob& job = jobs.at(fire.job);
                json.begin_object();
                json.field("cron_id", fire.job);
                json.field("name", job.name);
                field_millis(json, "at", fire.at);
                field_duration(json, "usual_time", job.usual_time);
                json.field("excluded", why_skipped(pauses, fire, job));
                json.field("condition", condition_of(job));
                json.end_object();
            }
            json.end_array();
            json.field("total", count_fires(all, from, end));
            json.end_object();
        });
    };
    co_return co_await book.read(read);
}

/// "01:00-06:00"; without it the whole day.
LoadForecast::Hours read_hours(const Params& params, const std::string& default_zone)
{
    LoadForecast::Hours hours;
    const std::string zone = params.text("zone").value_or(default_zone);
    const auto found = find_zone(zone);
    if (!found) refuse("zone: " + found.error().message);
    hours.zone = *found;
    const auto given = params.text("between");
    if (!given) return hours;
    const auto read = [&](std::string_view text) {
        const auto digit = [&](std::size_t at) {
            const char c = at < text.size() ? text[at] : 'x';
            return c >= '0' && c <= '9' ? c - '0' : 100;
        };
        const int hour = 10 * digit(0) + digit(1);
        const int minute = 10 * digit(3) + digit(4);
        const bool is_good = text.size() == 5 && text[2] == ':' && hour < 24 && minute < 60;
        if (!is_good) {
            refuse(
                fmt::format("between: given {}; two times of day such as 01:00-06:00 are allowed",
                            quote_utf8(*given)));
        }
        return minutes(hour * 60 + minute);
    };
    const std::string_view text = *given;
    const auto dash = text.find('-');
    hours.first = read(text.substr(0, dash));
    hours.last = read(dash == std::string_view::npos ? "" : text.substr(dash + 1));
    return hours;
}

asio::awaitable<Response> find_free_slots(const ApiContext& context, JobBook& book,
                                          const Call& call)
{
    constexpr std::size_t most_slots = 5;
    const auto given = call.params.text("duration");
    if (!given) refuse("duration: missing; give how long the slot is, such as 15m");
    const minutes length = std::chrono::ceil<minutes>(read_duration("duration", *given));
    const LoadForecast::Hours hours = read_hours(call.params, context.default_time_zone);
    const auto from = std::chrono::ceil<minutes>(context.clock.now());
    const auto read = [&](Store& store, const BookedJobs& jobs) {
        const Forecast found = forecast(store, jobs, std::nullopt, from, from + 24h);
        const auto slots = found.load.free_slots(length, hours, most_slots);
        return answer([&](JsonWriter& json) {
            json.begin_object();
            field_duration(json, "duration", length);
            json.field("zone", hours.zone->name());
            json.key("slots");
            json.begin_array();
            for (const LoadForecast::Slot& slot : slots) {
                json.begin_object();
                field_millis(json, "from", slot.from);
                field_millis(json, "to", slot.to);
                json.field("fires", slot.fires);
                json.field("peak", slot.peak);
                json.end_object();
            }
            json.end_array();
            json.end_object();
        });
    };
    co_return co_await book.read(read);
}

}  // namespace

void add_forecast_routes(Router& router, const ApiContext& context,
                         const std::shared_ptr<JobBook>& book)
{
    const auto with_book = [&context, book](auto function) -> Route::Handler {
        return
            [&context, book, function](const Call& call) { return function(context, *book, call); };
    };
    router.add({
        .pattern = "/forecast",
        .methods = {http::verb::get},
        .role = Role::read,
        .params = {{.name = "hours", .type = ParamType::integer}, {.name = "tag"}},
        .handler = with_book(show_forecast),
    });
    router.add({
        .pattern = "/forecast/fires",
        .methods = {http::verb::get},
        .role = Role::read,
        .params = {{.name = "from", .type = ParamType::time},
                   {.name = "to", .type = ParamType::time},
                   {.name = "tag"},
                   {.name = "page", .type = ParamType::integer},
                   {.name = "limit", .type = ParamType::integer}},
        .handler = with_book(list_coming_fires),
    });
    router.add({
        .pattern = "/forecast/free",
        .methods = {http::verb::get},
        .role = Role::read,
        .params = {{.name = "duration", .required = true}, {.name = "between"}, {.name = "zone"}},
        .handler = with_book(find_free_slots),
    });
}

}  // namespace peercron
