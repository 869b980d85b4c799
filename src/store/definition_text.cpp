#include "store/definition_text.hpp"

#include "model/field_json.hpp"
#include "store/policy_text.hpp"
#include "store/store.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_to.hpp>

#include <utility>
#include <variant>

namespace peercron {

namespace json = boost::json;

namespace {

void read_field(const json::object& object, const JobField& field, Job& job)
{
    const json::value* const found = object.if_contains(field.name);
    if (found == nullptr || found->is_null()) return;
    if (found->is_string() && std::holds_alternative<kind::Choice>(field.kind)) {
        read_choice(field, job, json::value_to<std::string>(*found));
        return;
    }
    auto value = from_json(*found);
    if (!value || !assign(field, job, *std::move(value))) {
        throw StoreError(fmt::format("{} is {}", field.name, json::serialize(*found)));
    }
}

}  // namespace

std::string definition_text(const Job& job)
{
    // First, where definition_beginning() expects it.
    json::object object{{"name", job.name}};
    for (const JobField& field : job_fields) {
        object[field.name] = to_json(stored_value(field, job));
    }
    return json::serialize(object);
}

std::string definition_beginning(const std::string& name)
{
    // The name comes first, and what follows it is a comma.
    std::string text = json::serialize(json::object{{"name", name}});
    text.back() = ',';
    return text;
}

Job read_definition(JobId id, std::string_view text)
{
    Job job;
    job.id = id;
    try {
        const json::value document = json::parse(text);
        const json::object& object = document.as_object();
        for (const JobField& field : job_fields) read_field(object, field, job);
    } catch (const std::exception& error) {
        throw StoreError("table cron_revision has a definition of job " + std::to_string(id) +
                         " that cannot be read: " + error.what());
    }
    return job;
}

}  // namespace peercron
