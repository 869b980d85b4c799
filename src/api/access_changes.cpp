#include "api/access_changes.hpp"

#include "access/access_book.hpp"
#include "base/utf8.hpp"
#include "model/job_fields.hpp"

#include <spdlog/fmt/fmt.h>

#include <utility>

namespace peercron {

std::string read_name(const Params& params)
{
    std::string name = params.text("name").value_or("");
    if (const auto problem = find_name_problem(name)) refuse(*problem);
    return name;
}

std::optional<Role> read_role(const Params& params)
{
    const auto given = params.text("role");
    if (!given) return std::nullopt;
    const auto role = parse_role(*given);
    if (!role) {
        refuse(fmt::format("role: given {}; one of {} is allowed", quote_utf8(*given),
                           fmt::join(role_words, ", ")));
    }
    return role;
}

std::optional<std::vector<std::string>> read_tags(const Params& params)
{
    const auto given = params.text("tags");
    if (!given) return std::nullopt;
    std::vector<std::string> tags = split_words(*given);
    JobPatch patch;
    patch.set(&Job::tags, tags);
    if (const auto problem = find_problem(patch)) refuse("tags: " + problem->what);
    return tags;
}

void refuse_limited_owner(Role role, const std::vector<std::string>& tags)
{
    if (role != Role::owner || tags.empty()) return;
    refuse("tags: an owner can give itself every right, so it cannot be limited to some jobs");
}

void refuse_lockout(const Caller& caller, Role role)
{
    if (caller.proof != Proof::none || role == Role::owner) return;
    throw HttpError(http::status::conflict,
                    fmt::format("role: given {}; the first account or token has to be an owner: "
                                "from then on nobody calls without one",
                                to_string(role)));
}

void write_tags(JsonWriter& json, const std::vector<std::string>& tags)
{
    json.key("tags");
    json.begin_array();
    for (const std::string& tag : tags) json.value(tag);
    json.end_array();
}

void note_act(const ApiContext& context, const Caller& caller, std::string what, std::string detail)
{
    context.access.note(
        {0, context.clock.now(), std::move(what), caller.name, caller.address, std::move(detail)});
}

void note_change(const ApiContext& context, const Caller& caller, std::string what,
                 std::string detail)
{
    context.access.forget();
    note_act(context, caller, std::move(what), std::move(detail));
}

}  // namespace peercron
