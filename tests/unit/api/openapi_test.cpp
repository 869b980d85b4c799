#include "api/openapi.hpp"

#include "api/rows.hpp"
#include "api_fixture.hpp"

#include <gmock/gmock.h>
#include <boost/json/parse.hpp>

#include <set>
#include <vector>

namespace peercron {
namespace {

using boost::json::object;
using boost::json::value;

class OpenApiTest : public testing::ApiTest {
protected:
    OpenApiTest()
        : description_(
              boost::json::parse(boost::json::string_view(openapi().data(), openapi().size())))
    {
        start();
    }

    /// What a "$ref" stands for, else the value itself.
    const value& resolve(const value& v) const
    {
        const auto* ref = v.is_object() ? v.as_object().if_contains("$ref") : nullptr;
        if (ref == nullptr) return v;
        return resolve(description_.at_pointer(ref->as_string().subview(1)));
    }

    /// The names of a schema's properties, those of its allOf included.
    std::set<std::string> properties(const value& schema) const
    {
        std::set<std::string> names;
        const object& resolved = resolve(schema).as_object();
        if (const auto* own = resolved.if_contains("properties")) {
            for (const auto& property : own->as_object()) names.insert(property.key());
        }
        if (const auto* parts = resolved.if_contains("allOf")) {
            for (const value& part : parts->as_array()) names.merge(properties(part));
        }
        return names;
    }

    /// The names of all parameters of an operation, {id} of the path included.
    std::set<std::string> parameters(const object& path, const object& operation) const
    {
        std::set<std::string> names;
        for (const object* owner : {&path, &operation}) {
            const auto* list = owner->if_contains("parameters");
            if (list == nullptr) continue;
            for (const value& parameter : list->as_array()) {
                names.insert(std::string(resolve(parameter).at("name").as_string()));
            }
        }
        if (const auto* body = operation.if_contains("requestBody")) {
            for (const auto& content : body->at("content").as_object()) {
                names.merge(properties(content.value().at("schema")));
            }
        }
        return names;
    }

    /// The routes without the console's pages, which are no calls.
    std::vector<Route> calls() const
    {
        std::vector<Route> found;
        for (const Route& route : router_->routes()) {
            if (route.pattern != "/" && !route.pattern.starts_with("/ui")) found.push_back(route);
        }
        return found;
    }

    value example(std::string_view path, std::string_view method) const
    {
        const value& response =
            resolve(description_.at("paths").at(path).at(method).at("responses").at("200"));
        return response.at("content").at("application/json").at("example").at("data");
    }

    static std::set<std::string> keys(const value& v)
    {
        std::set<std::string> names;
        for (const auto& member : v.as_object()) names.insert(member.key());
        return names;
    }

    value description_;
};

std::string lower(http::verb method)
{
    std::string name(http::to_string(method));
    for (char& c : name) c = static_cast<char>(std::tolower(c));
    return name;
}

TEST_F(OpenApiTest, IsServed)
{
    EXPECT_EQ(get("/openapi.json").body, openapi());
    EXPECT_EQ(description_.at("openapi"), "3.1.0");
}

TEST_F(OpenApiTest, IsServedWithoutForms)
{
    const std::string body = get("/openapi.json?bodies=json").body;
    EXPECT_EQ(body.find("\"application/x-www-form-urlencoded\""), std::string::npos);
    const value without = boost::json::parse(body);
    for (const auto& path : description_.at("paths").as_object()) {
        for (const auto& operation : path.value().as_object()) {
            const auto* const call = operation.value().if_object();
            if (call == nullptr || !call->contains("requestBody")) continue;
            const auto& bodies = without.at("paths").at(path.key()).at(operation.key());
            EXPECT_TRUE(
                bodies.at("requestBody").at("content").as_object().contains("application/json"))
                << path.key();
        }
    }
    EXPECT_EQ(get("/openapi.json?bodies=xml").status, 400U);
}

TEST_F(OpenApiTest, DescribesEveryRouteWithItsParametersAndNothingElse)
{
    std::set<std::string> routed;
    for (const Route& route : calls()) {
        std::set<std::string> taken;
        for (const Param& param : route.params) taken.emplace(param.name);
        if (route.pattern.find("{id}") != std::string::npos) taken.insert("id");
        for (const http::verb method : route.methods) {
            routed.insert(lower(method) + ' ' + route.pattern);
            const auto* path = description_.at("paths").as_object().if_contains(route.pattern);
            ASSERT_NE(path, nullptr) << route.pattern;
            const auto* operation = path->as_object().if_contains(lower(method));
            ASSERT_NE(operation, nullptr) << route.pattern;
            EXPECT_EQ(parameters(path->as_object(), operation->as_object()), taken)
                << route.pattern;
        }
    }
    for (const auto& path : description_.at("paths").as_object()) {
        for (const auto& operation : path.value().as_object()) {
            if (operation.key() == "parameters") continue;
            EXPECT_TRUE(
                routed.contains(std::string(operation.key()) + ' ' + std::string(path.key())))
                << path.key();
        }
    }
}

TEST_F(OpenApiTest, NamesTheRoleThatEachRouteNeeds)
{
    for (const Route& route : calls()) {
        for (const http::verb method : route.methods) {
            const object& operation =
                description_.at("paths").at(route.pattern).at(lower(method)).as_object();
            if (!route.role) {
                EXPECT_TRUE(operation.at("security").as_array().empty()) << route.pattern;
                continue;
            }
            const std::string expected = "Role: " + std::string(to_string(*route.role));
            EXPECT_TRUE(operation.at("description").as_string().starts_with(expected))
                << route.pattern;
        }
    }
}

TEST_F(OpenApiTest, NamesWhatBecomesOfAReadThatTakesTheStoreTooLong)
{
    for (const Route& route : calls()) {
        for (const http::verb method : route.methods) {
            const object& responses = description_.at("paths")
                                          .at(route.pattern)
                                          .at(lower(method))
                                          .at("responses")
                                          .as_object();
            // The events go on without a store that takes too long.
            const bool reads_the_store = responses.contains("503") && !route.mutates &&
                                         route.role.has_value() && route.pattern != "/events";
            EXPECT_EQ(responses.contains("504"), reads_the_store) << route.pattern;
        }
    }
}

TEST_F(OpenApiTest, SaysWhichParametersAreRequired)
{
    for (const auto& [pattern, schema] :
         {std::pair<std::string, std::string>{"/cron/add", "NewJob"},
          {"/cron/update", "JobChange"}}) {
        std::set<std::string> required;
        for (const Route& route : calls()) {
            if (route.pattern != pattern) continue;
            for (const Param& param : route.params) {
                if (param.required) required.emplace(param.name);
            }
        }
        std::set<std::string> described;
        const value& whole = description_.at("components").at("schemas").at(schema);
        if (const value* const names = whole.as_object().if_contains("required")) {
            for (const value& name : names->as_array()) described.emplace(name.as_string());
        }
        EXPECT_EQ(described, required);
    }
}

TEST_F(OpenApiTest, ExamplesAndSchemasHaveTheFieldsThatAreWritten)
{
    const JobId id = insert_job().id;
    tables_.log.resize(2);
    tables_.log[1].fires = 2;
    tables_.log[1].gap_end = WallTime{};
    for (LogRow& row : tables_.log) row.run.state = RunState::skipped;
    const auto schema = [this](std::string_view name) {
        auto fields = properties(description_.at("components").at("schemas").at(name));
        fields.erase("daemon");  // only a daemon has it
        return fields;
    };
    const auto check = [&](const value& written, const value& shown, std::string_view name) {
        EXPECT_EQ(keys(written), keys(shown)) << name;
        EXPECT_EQ(keys(written), schema(name)) << name;
    };
    EXPECT_EQ(keys(get("/cron/list").data().at(0)), keys(example("/cron/list", "get").at(0)));
    EXPECT_EQ(keys(get("/cron/list?limit=9").data().at("list").at(0)), schema("ListedJob"));
    check(get("/cron/stop/" + std::to_string(id)).data(), example("/cron/stop/{id}", "get"), "Job");
    EXPECT_EQ(keys(get("/cron/" + std::to_string(id)).data()), keys(example("/cron/{id}", "get")));
    const auto log = get("/log/list").data().at("list");
    EXPECT_EQ(keys(log.at(0)), keys(example("/log/list", "get").at("list").at(0)));
    check(log.at(1), example("/log/list", "get").at("list").at(1), "Run");
    tables_.note({}, tables_.jobs.at(id), Edit(WallTime{}));
    const auto history = get("/cron/" + std::to_string(id) + "/history").data().at("list").at(0);
    const value shown = example("/cron/{id}/history", "get").at("list").at(0);
    check(history, shown, "Revision");
    check(history.at("after"), shown.at("after"), "Definition");
    check(get("/node/list").data().at("nodes").at(0),
          example("/node/list", "get").at("nodes").at(0), "Node");
    EXPECT_EQ(keys(get("/node/list").data()), keys(example("/node/list", "get")));
    check(get("/health").data(), example("/health", "get"), "Health");
    const auto same_as_example = [&](const std::string& target, std::string_view path) {
        EXPECT_EQ(keys(get(target).data()), keys(example(path, "get"))) << path;
    };
    same_as_example(fmt::format("/cron/{}/stats", id), "/cron/{id}/stats");
    same_as_example("/log/histogram", "/log/histogram");
    same_as_example("/overview", "/overview");
    post("/channel/add", "name=ops&kind=webhook&url=https://example.com/");
    check(get("/channel/list").data().at(0), example("/channel/list", "get").at(0), "Channel");
    const std::string channel = std::to_string(tables_.channels.at(0).id);
    check(post("/channel/test/" + channel, "").data(), example("/channel/test/{id}", "post"),
          "SendReport");
    tables_.deliveries.emplace_back().channel = tables_.channels.at(0).id;
    check(get("/channel/" + channel + "/deliveries").data().at(0),
          example("/channel/{id}/deliveries", "get").at(0), "Delivery");
}

}  // namespace
}  // namespace peercron
