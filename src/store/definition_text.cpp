#include "store/definition_text.hpp"

#include "store/policy_text.hpp"
#include "store/store.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_to.hpp>

#include <chrono>

namespace peercron {

namespace json = boost::json;

namespace {

template <class T>
void read(const json::object& object, std::string_view name, T& value)
{
    const json::value* const found = object.if_contains(name);
    if (found != nullptr && !found->is_null()) value = json::value_to<T>(*found);
}

template <class Policy>
void read(const json::object& object, JobId job, std::string_view member, Policy& policy)
{
    const json::value* const found = object.if_contains(member);
    if (found == nullptr) return;
    policy = read_policy<Policy>(job, member, json::value_to<std::string>(*found));
}

std::chrono::seconds read_seconds(const json::object& object, std::string_view name)
{
    std::int64_t count = 0;
    read(object, name, count);
    return std::chrono::seconds(count);
}

}  // namespace

std::string definition_text(const Job& job)
{
    json::object object{{"name", job.name},
                        {"cron_set", job.cron_set},
                        {"command", job.command},
                        {"remark", job.remark},
                        {"stop", job.stop},
                        {"is_mutex", job.is_mutex},
                        {"start_time", job.start_time},
                        {"end_time", job.end_time},
                        {"time_zone", job.time_zone},
                        {"timeout", job.timeout.count()},
                        {"run_limit", job.run_limit},
                        {"misfire_window", nullptr},
                        {"delivery", policy_name(job.delivery)},
                        {"misfire_policy", policy_name(job.misfire_policy)},
                        {"overlap", policy_name(job.overlap)},
                        {"max_concurrent", job.max_concurrent}};
    if (job.misfire_window) object["misfire_window"] = job.misfire_window->count();
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
        read(object, "name", job.name);
        read(object, "cron_set", job.cron_set);
        read(object, "command", job.command);
        read(object, "remark", job.remark);
        read(object, "stop", job.stop);
        read(object, "is_mutex", job.is_mutex);
        read(object, "start_time", job.start_time);
        read(object, "end_time", job.end_time);
        read(object, "time_zone", job.time_zone);
        job.timeout = read_seconds(object, "timeout");
        read(object, "run_limit", job.run_limit);
        const json::value* const window = object.if_contains("misfire_window");
        if (window != nullptr && !window->is_null()) {
            job.misfire_window = read_seconds(object, "misfire_window");
        }
        read(object, id, "delivery", job.delivery);
        read(object, id, "misfire_policy", job.misfire_policy);
        read(object, id, "overlap", job.overlap);
        read(object, "max_concurrent", job.max_concurrent);
    } catch (const std::exception& error) {
        throw StoreError("table cron_revision has a definition of job " + std::to_string(id) +
                         " that cannot be read: " + error.what());
    }
    return job;
}

}  // namespace peercron
