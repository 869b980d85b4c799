#include "console/console_routes.hpp"

#include "console/embedded_file.hpp"
#include "unit/http/server_fixture.hpp"

#include <gmock/gmock.h>

#include <string>

namespace peercron {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ConsoleRoutesTest : public testing::ServerTest {
protected:
    ConsoleRoutesTest() { start(); }
    ~ConsoleRoutesTest() override { stop(); }

    Router make_router() override
    {
        Router router{Access(AccessRules{.tokens = {{"ops", "secret", Role::read}}})};
        add_console_routes(router);
        return router;
    }

    static const EmbeddedFile& file(std::string_view name)
    {
        for (const EmbeddedFile& file : console_files()) {
            if (file.name == name) return file;
        }
        throw std::logic_error("no such file");
    }
};

TEST_F(ConsoleRoutesTest, LeadsBrowsersToThePageAndTellsProgramsWhereThingsAre)
{
    const auto browser = get("/", "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\n");
    EXPECT_EQ(browser.status, 302U);
    EXPECT_EQ(browser.header("Location"), "ui/");
    const auto program = get("/", "Accept: */*\r\n");
    EXPECT_EQ(program.status, 200U);
    EXPECT_THAT(program.header("Content-Type"), StartsWith("text/plain"));
    EXPECT_THAT(program.body, HasSubstr("openapi.json"));
}

TEST_F(ConsoleRoutesTest, NeedsNoToken)
{
    EXPECT_EQ(get("/ui/").status, 200U);
    EXPECT_EQ(get("/ui/console.js").status, 200U);
}

TEST_F(ConsoleRoutesTest, ServesOnePageAtTheAddressOfEveryScreen)
{
    const std::string page(file("index.html").plain);
    EXPECT_EQ(get("/ui/").body, page);
    EXPECT_EQ(get("/ui/jobs?state=failing").body, page);
    EXPECT_THAT(page, HasSubstr("=\"./console.js\""));
    for (const std::string_view deep : {"/ui/job/nightly-backup", "/ui/run/4711"}) {
        const auto reply = get(deep);
        EXPECT_EQ(reply.status, 200U) << deep;
        EXPECT_THAT(reply.body, HasSubstr("=\"../console.js\"")) << deep;
        EXPECT_THAT(reply.body, Not(HasSubstr("=\"./"))) << deep;
    }
}

TEST_F(ConsoleRoutesTest, ForbidsThePageEverythingButItsOwnScriptAndNode)
{
    for (const std::string_view path : {"/ui/", "/ui/run/4711", "/ui/console.css"}) {
        const std::string policy = get(path).header("Content-Security-Policy");
        EXPECT_THAT(policy, StartsWith("default-src 'none'; script-src 'self'; style-src 'self'"));
        EXPECT_THAT(policy, HasSubstr("frame-ancestors 'none'"));
        EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
    }
}

TEST_F(ConsoleRoutesTest, SendsPackedFilesToThoseWhoCanUnpackThem)
{
    const EmbeddedFile& script = file("console.js");
    const auto packed = get("/ui/console.js", "Accept-Encoding: br, gzip;q=0.8\r\n");
    EXPECT_EQ(packed.header("Content-Encoding"), "gzip");
    EXPECT_EQ(packed.body, script.gzip);
    EXPECT_EQ(packed.header("Vary"), "Accept-Encoding");
    for (const std::string_view refused :
         {"", "Accept-Encoding: br\r\n", "Accept-Encoding: gzip;q=0, identity\r\n"}) {
        const auto plain = get("/ui/console.js", refused);
        EXPECT_EQ(plain.header("Content-Encoding"), "") << refused;
        EXPECT_EQ(plain.body, script.plain) << refused;
    }
}

TEST_F(ConsoleRoutesTest, DoesNotSendWhatTheBrowserHas)
{
    const auto first = get("/ui/console.js");
    const std::string etag = first.header("ETag");
    const auto again = get("/ui/console.js", "If-None-Match: \"other\", W/" + etag + "\r\n");
    EXPECT_EQ(again.status, 304U);
    EXPECT_EQ(again.body, "");
    EXPECT_EQ(again.header("Content-Length"), "");
    EXPECT_EQ(again.header("ETag"), etag);
    const auto packed = get("/ui/console.js", "Accept-Encoding: gzip\r\n");
    EXPECT_NE(packed.header("ETag"), etag);
}

}  // namespace
}  // namespace peercron
