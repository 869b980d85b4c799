#include "http/access.hpp"

#include "run_coroutine.hpp"
#include "thing_server.hpp"

#include <gmock/gmock.h>

#include <stdexcept>

namespace peercron {
namespace {

using ::testing::HasSubstr;

class AccessTest : public testing::ThingServerTest {
protected:
    void use_tokens()
    {
        tokens_ = {{"viewer", "r-secret", Role::read},
                   {"deploy", "o-secret", Role::operate},
                   {"root", "a-secret", Role::admin}};
    }
};

TEST_F(AccessTest, WithoutTokensEverybodyMayDoEverything)
{
    EXPECT_EQ(post("/thing/add", "name=a").status, 200U);
    EXPECT_EQ(get("/thing/list", "Authorization: Bearer whatever\r\n").status, 200U);
}

TEST_F(AccessTest, AWrongTokenIsNotLetInAndIsToldHowToAsk)
{
    use_tokens();
    for (const std::string header :
         {"Authorization: Bearer r-secre\r\n", "Authorization: Bearer r-secretx\r\n",
          "Authorization: Bearer \r\n", "Authorization: Basic r-secret\r\n",
          "Authorization: r-secret\r\n", "X-Peercron-Token: wrong\r\n"}) {
        const auto reply = get("/thing/list", header);
        EXPECT_EQ(reply.status, 401U) << header;
        EXPECT_THAT(reply.header("WWW-Authenticate"), HasSubstr("Bearer"));
        EXPECT_TRUE(reply.data().is_null());
    }
    EXPECT_EQ(get("/thing/list", "authorization: bearer  r-secret \r\n").status, 200U);
    EXPECT_EQ(get("/thing/list", "X-Peercron-Token: r-secret\r\n").status, 200U);
}

TEST_F(AccessTest, ARoleThatIsTooLowIsNamedWithTheOneThatIsNeeded)
{
    use_tokens();
    const auto reply = request("POST", "/thing/add", "Authorization: Bearer r-secret\r\n");
    EXPECT_THAT(reply.message(), HasSubstr("\"viewer\" has the role read; this needs admin"));
}

TEST_F(AccessTest, ChangesAskedForByAnotherSitesPageAreRefused)
{
    things_ = {"a"};
    const std::string path = "/thing/paint/1";
    for (const std::string header :
         {"Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\n",
          "Sec-Fetch-Site: none\r\n", "Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\n",
          "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\n",
          "Sec-Fetch-Mode: navigate\r\n", "Origin: http://evil.example\r\n", "Origin: null\r\n",
          "Origin: http://localhost:10080\r\n", "Origin: https://localhost\r\n",
          "Referer: http://LOCALHOST/console/\r\n",
          "Referer: http://evil.example/localhost:9990\r\n"}) {
        EXPECT_EQ(get(path, header).status, 403U) << header;
        EXPECT_EQ(get("/thing/list", header).status, 200U) << header;
    }
    EXPECT_EQ(things_.front(), "a");
    for (const std::string header :
         {"", "Sec-Fetch-Site: same-origin\r\n",
          "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n",
          "Origin: http://localhost:9990\r\n", "Referer: http://LOCALHOST:9990/console/\r\n"}) {
        EXPECT_EQ(get(path, header).status, 200U) << header;
    }
}

TEST(AccessRuleTest, OnlyTlsOfTheNodeOrOfATrustedProxyMakesACallPrivate)
{
    AccessRules rules;
    rules.trusted_proxies = {"10.0.0.1"};
    const Access access(rules);
    const auto is_private = [&access](const char* peer, bool is_encrypted, const char* said) {
        Request request;
        request.peer = asio::ip::make_address(peer);
        request.is_encrypted = is_encrypted;
        request.message.set("X-Real-IP", "192.0.2.7");
        if (*said != '\0') request.message.set("X-Forwarded-Proto", said);
        return access.is_private(request);
    };
    EXPECT_FALSE(is_private("192.0.2.1", false, ""));
    EXPECT_FALSE(is_private("192.0.2.1", false, "https")) << "anybody can say that";
    EXPECT_TRUE(is_private("192.0.2.1", true, ""));
    EXPECT_TRUE(is_private("192.0.2.1", true, "http")) << "the node knows better";
    EXPECT_TRUE(is_private("10.0.0.1", false, "https"));
    EXPECT_FALSE(is_private("10.0.0.1", false, ""));
    EXPECT_FALSE(is_private("10.0.0.1", true, "http")) << "the way to the proxy counts";
}

TEST(AccessRuleTest, AnOriginIsComparedWithItsPort)
{
    const auto is_taken = [](const char* host, const char* origin) {
        Request request;
        request.message.set(http::field::host, host);
        request.message.set(http::field::origin, origin);
        try {
            refuse_cross_site(request);
            return true;
        } catch (const HttpError&) {
            return false;
        }
    };
    EXPECT_TRUE(is_taken("cron.example:8080", "http://cron.example:8080"));
    EXPECT_FALSE(is_taken("cron.example:8080", "http://cron.example:8081"));
    EXPECT_FALSE(is_taken("cron.example:8080", "http://cron.example"));
    EXPECT_TRUE(is_taken("cron.example", "http://cron.example:80"));
    EXPECT_TRUE(is_taken("cron.example:80", "http://cron.example"));
    EXPECT_TRUE(is_taken("cron.example", "https://cron.example")) << "a proxy took TLS off";
    EXPECT_TRUE(is_taken("cron.example:443", "https://cron.example"));
    EXPECT_TRUE(is_taken("[::1]:9990", "http://[::1]:9990"));
    EXPECT_FALSE(is_taken("[::1]:9990", "http://[::1]:9991"));
}

TEST(AccessRuleTest, WithoutTokensOnlyThisMachinesNamesAreTaken)
{
    const auto status = [](const Access& access, const char* host, std::optional<Role> needed) {
        Request request;
        request.peer = asio::ip::make_address("127.0.0.1");
        if (*host != '\0') request.message.set(http::field::host, host);
        try {
            const auto admit = [](const Access& asked, const Request& sent,
                                  std::optional<Role> role) -> asio::awaitable<void> {
                co_await asked.admit(sent, role);
            };
            asio::io_context io;
            testing::run(io, admit(access, request, needed));
            return 200;
        } catch (const HttpError& error) {
            return static_cast<int>(error.status());
        }
    };
    const Access careful(AccessRules{.hosts = Hosts::this_machine});
    for (const char* const host : {"", "localhost", "LOCALHOST:9990", "a.localhost", "node1:9990",
                                   "127.0.0.1:9990", "10.0.0.7", "[::1]:9990", "[2001:db8::1]"}) {
        EXPECT_EQ(status(careful, host, Role::read), 200) << host;
    }
    for (const char* const host : {"evil.example", "evil.example:9990", "evil.notlocalhost",
                                   "127.0.0.1.evil.example", "localhost.evil.example"}) {
        EXPECT_EQ(status(careful, host, Role::read), 403) << host;
        EXPECT_EQ(status(careful, host, std::nullopt), 200) << host;
        EXPECT_EQ(status(Access(AccessRules()), host, Role::admin), 200) << host;
        const Access tokens(
            AccessRules{.tokens = {{"t", "secret", Role::admin}}, .hosts = Hosts::this_machine});
        EXPECT_EQ(status(tokens, host, Role::read), 401) << host;
    }
}

TEST(AccessRuleTest, OnlyATrustedProxyIsBelievedAboutTheClient)
{
    const Access access(AccessRules{.trusted_proxies = {"127.0.0.1", "10.0.0.0/8", "::1"}});
    const auto seen = [&access](const char* peer, const char* real, const char* forwarded) {
        Request request;
        request.peer = asio::ip::make_address(peer);
        if (*real != '\0') request.message.set("X-Real-IP", real);
        if (*forwarded != '\0') request.message.set("X-Forwarded-For", forwarded);
        return access.client_address(request);
    };
    EXPECT_EQ(seen("192.0.2.1", "198.51.100.9", "198.51.100.9"), "192.0.2.1");
    EXPECT_EQ(seen("127.0.0.1", "198.51.100.9", ""), "198.51.100.9");
    EXPECT_EQ(seen("10.1.2.3", "", "6.6.6.6, 198.51.100.9"), "198.51.100.9");
    EXPECT_EQ(seen("::1", "", "198.51.100.9, 10.9.9.9"), "198.51.100.9");
    EXPECT_EQ(seen("::ffff:127.0.0.1", "198.51.100.9", ""), "198.51.100.9");
    EXPECT_EQ(seen("127.0.0.1", "garbage", "garbage"), "127.0.0.1");
    EXPECT_EQ(seen("127.0.0.1", "", ""), "127.0.0.1");
}

TEST(AccessRuleTest, SettingsThatWouldLetAnybodyInAreRefused)
{
    EXPECT_THROW(Access(AccessRules{.tokens = {{"empty", "", Role::admin}}}),
                 std::invalid_argument);
    EXPECT_THROW(Access(AccessRules{.trusted_proxies = {"localhost"}}), std::invalid_argument);
}

}  // namespace
}  // namespace peercron
