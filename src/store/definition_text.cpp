#include "store/definition_text.hpp"

#include "base/overloaded.hpp"
#include "model/job_fields.hpp"
#include "store/policy_text.hpp"
#include "store/store.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>
#include <boost/json/value_to.hpp>

#include <variant>
#include <vector>

namespace peercron {

namespace json = boost::json;

namespace {

json::value to_json(const FieldValue& value)
{
    return std::visit(Overloaded{
                          [](std::monostate) { return json::value(); },
                          [](const std::vector<std::string>& words) {
                              return json::value(json::value_from(words));
                          },
                          [](const auto& one) { return json::value(one); },
                      },
                      value);
}

FieldValue from_json(const json::value& value)
{
    if (value.is_bool()) return value.as_bool();
    if (value.is_string()) return json::value_to<std::string>(value);
    if (value.is_array()) return json::value_to<std::vector<std::string>>(value);
    return json::value_to<std::int64_t>(value);
}

void read_field(const json::object& object, const JobField& field, Job& job)
{
    const json::value* const found = object.if_contains(field.name);
    if (found == nullptr || found->is_null()) return;
    if (assign(field, job, from_json(*found))) return;
    const auto* const choice = std::get_if<kind::Choice>(&field.kind);
    if (choice == nullptr || !found->is_string()) {
        throw StoreError(fmt::format("{} is {}", field.name, json::serialize(*found)));
    }
    warn_of_unknown_policy(job.id, field.name, json::value_to<std::string>(*found),
                           std::get<std::string>(stored_value(field, Job())),
                           fmt::format("{}", fmt::join(choice->words, ", ")));
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
