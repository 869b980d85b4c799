#include "api/access_changes.hpp"
#include "api/change_call.hpp"
#include "api/confirm_change.hpp"
#include "api/pause_calls.hpp"
#include "api/routes.hpp"
#include "api/rows.hpp"
#include "base/counted.hpp"
#include "base/utf8.hpp"
#include "http/answer.hpp"
#include "model/job_fields.hpp"
#include "store/pause_store.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peercron {

Pause read_pause(const Call& call, std::optional<WallTime> from, WallTime now)
{
    Pause pause;
    const Author author = author_of(call);
    pause.made_by = author.who;
    pause.reason = author.why;
    if (from && *from < now) refuse("from: it is past; without it the pause begins now");
    pause.begins_at = from.value_or(WallTime());
    pause.until = call.params.time("until");
    if (pause.until && *pause.until <= std::max(now, pause.begins_at)) {
        refuse(fmt::format("until: given {}; it must be later than {}",
                           quote_utf8(call.params.text("until").value_or("")),
                           pause.begins_at > now ? "from" : "now"));
    }
    return pause;
}

std::string in_short(const Pause& pause)
{
    return pause.reason.empty() ? scope_text(pause)
                                : fmt::format("{} ({})", scope_text(pause), pause.reason);
}

Pause add_pause(Store& store, Pause pause, const Clock& clock)
{
    if (pause.begins_at == WallTime()) pause.begins_at = clock.now();
    return store.pauses().add_pause(pause);
}

namespace {

std::string read_tag(const Params& params)
{
    const auto given = params.text("tag");
    if (!given) return "";
    JobPatch patch;
    patch.set(&Job::tags, {*given});
    if (const auto problem = find_problem(patch)) refuse("tag: " + problem->what);
    return *given;
}

/// The store has the change: tells the dispatcher.
/// @param what was done, "all jobs paused".
asio::awaitable<void> confirm_pauses(const ApiContext& context, std::string what)
{
    std::vector<JobId> none;
    what += ", and this is stored";
    co_await confirm_change(context, std::move(none), std::move(what));
}

asio::awaitable<Response> pause_jobs(const ApiContext& context, const Call& call)
{
    Pause draft = read_pause(call, call.params.time("from"), context.clock.now());
    draft.tag = read_tag(call.params);
    const auto add = [&](Store& store) { return add_pause(store, draft, context.clock); };
    const Pause pause = co_await context.store.call(add);
    note_act(context, call.caller, "paused", in_short(pause));
    co_await confirm_pauses(context, fmt::format("{} paused", scope_text(pause)));
    const WallTime now = context.clock.now();
    co_return answer([&](JsonWriter& json) { write_pause(json, pause, now); });
}

/// Of what is not paused nothing is changed, but the dispatcher is told all the same: the call may
/// be the second try of one that nobody had confirmed.
asio::awaitable<Response> resume_jobs(const ApiContext& context, const Call& call)
{
    PauseChoice choice;
    choice.id = call.params.integer("id", 1, std::numeric_limits<std::int64_t>::max());
    choice.tag = read_tag(call.params);
    if (choice.id && !choice.tag.empty()) refuse("tag: given together with id; give one of them");
    const std::string& by = call.caller.name;
    const auto end = [&](Store& store) {
        return store.pauses().end_pauses(choice, context.clock.now(), by);
    };
    const std::vector<Pause> ended = co_await context.store.call(end);
    for (const Pause& pause : ended) {
        note_act(context, call.caller, "pause ended", in_short(pause));
    }
    co_await confirm_pauses(context,
                            counted(std::ssize(ended), "pause was", "pauses were") + " ended");
    const WallTime now = context.clock.now();
    co_return answer([&](JsonWriter& json) { write_pauses(json, ended, now); });
}

asio::awaitable<Response> list_pauses(const ApiContext& context, const Call& call)
{
    const bool all = call.params.boolean("all").value_or(false);
    const WallTime now = context.clock.now();
    const auto read = [from = all ? WallTime() : now](Store& store) {
        return store.pauses().pauses_after(from);
    };
    const std::vector<Pause> pauses = co_await context.store.call(read);
    co_return answer([&](JsonWriter& json) { write_pauses(json, pauses, now); });
}

}  // namespace

void add_pause_routes(Router& router, const ApiContext& context)
{
    using http::verb;
    router.add({
        .pattern = "/pause",
        .methods = {verb::post},
        .role = Role::operate,
        .mutates = true,
        .params = {{.name = "tag"},
                   {.name = "from", .type = ParamType::time},
                   {.name = "until", .type = ParamType::time},
                   {.name = "reason"}},
        .strictness = Strictness::strict,
        .handler = bind(context, pause_jobs),
    });
    router.add({
        .pattern = "/resume",
        .methods = {verb::post},
        .role = Role::operate,
        .mutates = true,
        .params = {{.name = "tag"}, {.name = "id", .type = ParamType::integer}},
        .strictness = Strictness::strict,
        .handler = bind(context, resume_jobs),
    });
    router.add({
        .pattern = "/pause/list",
        .methods = {verb::get},
        .role = Role::read,
        .params = {{.name = "all", .type = ParamType::boolean}},
        .handler = bind(context, list_pauses),
    });
}

}  // namespace peercron
