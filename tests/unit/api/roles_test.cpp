#include "api_fixture.hpp"

#include <gmock/gmock.h>

namespace peercron {
namespace {

using ::testing::HasSubstr;

class RolesTest : public testing::ApiTest {
protected:
    void use_tokens()
    {
        context_.rules.tokens = {{"viewer", "r-secret", Role::read},
                                 {"deploy", "o-secret", Role::operate},
                                 {"root", "a-secret", Role::admin}};
    }

    unsigned status(std::string_view method, const std::string& target, std::string_view secret)
    {
        const std::string header =
            secret.empty() ? "" : fmt::format("Authorization: Bearer {}\r\n", secret);
        return request(method, target, header).status;
    }
};

TEST_F(RolesTest, EachRoleMayDoItsOwnAndWhatTheLowerOnesMay)
{
    use_tokens();
    const std::string id = std::to_string(insert_job().id);
    struct Case {
        std::string_view method;
        std::string target;
        unsigned none, read, operate, admin;
    };
    for (const Case& c : {
             Case{"GET", "/health", 200, 200, 200, 200},
             Case{"GET", "/openapi.json", 200, 200, 200, 200},
             Case{"GET", "/cron/list", 401, 200, 200, 200},
             Case{"GET", "/cron/" + id, 401, 200, 200, 200},
             Case{"GET", "/log/list", 401, 200, 200, 200},
             Case{"GET", "/node/list", 401, 200, 200, 200},
             Case{"GET", "/metrics", 401, 200, 200, 200},
             Case{"GET", "/metrics/jobs", 401, 404, 404, 404},
             Case{"GET", "/cron/stop/" + id, 401, 403, 200, 200},
             Case{"POST", "/cron/start/" + id, 401, 403, 200, 200},
             Case{"POST", "/cron/add", 401, 403, 403, 400},
             Case{"POST", "/cron/update", 401, 403, 403, 400},
             Case{"GET", "/cron/delete/" + id, 401, 403, 403, 200},
             Case{"GET", "/channel/list", 401, 403, 403, 403},
             Case{"POST", "/channel/add", 401, 403, 403, 403},
             Case{"POST", "/channel/test/1", 401, 403, 403, 403},
             Case{"GET", "/lock/list", 401, 200, 200, 200},
             Case{"POST", "/lock/set", 401, 403, 403, 400},
             Case{"GET", "/calendar/list", 401, 200, 200, 200},
             Case{"POST", "/calendar/set", 401, 403, 403, 400},
         }) {
        EXPECT_EQ(status(c.method, c.target, ""), c.none) << c.target;
        EXPECT_EQ(status(c.method, c.target, "r-secret"), c.read) << c.target;
        EXPECT_EQ(status(c.method, c.target, "o-secret"), c.operate) << c.target;
        EXPECT_EQ(status(c.method, c.target, "a-secret"), c.admin) << c.target;
    }
}

TEST_F(RolesTest, GetsThatChangeSomethingCanBeSwitchedOff)
{
    context_.changing_gets = false;
    const std::string id = std::to_string(insert_job().id);
    for (const std::string call : {"stop", "start", "delete"}) {
        const auto refused = get(fmt::format("/cron/{}/{}", call, id));
        EXPECT_EQ(refused.status, 405U) << call;
        EXPECT_EQ(refused.header("Allow"), "POST") << call;
        EXPECT_THAT(refused.message(), HasSubstr("allowed: POST"));
        EXPECT_EQ(request("POST", fmt::format("/cron/{}/{}", call, id)).status, 200U) << call;
    }
}

}  // namespace
}  // namespace peercron
