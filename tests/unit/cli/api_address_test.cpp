#include "cli/api_address.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace peercron {
namespace {

using ::testing::HasSubstr;

TEST(ApiAddress, IsAHostAndAPort)
{
    const auto address = parse_api_url("http://node7.example:9990");
    ASSERT_TRUE(address) << address.error().message;
    EXPECT_EQ(address->host, "node7.example");
    EXPECT_EQ(address->port, "9990");
    EXPECT_EQ(address->prefix, "");
    EXPECT_EQ(address->url, "http://node7.example:9990");
}

TEST(ApiAddress, NeedsNoScheme)
{
    const auto address = parse_api_url("127.0.0.1:9990");
    ASSERT_TRUE(address) << address.error().message;
    EXPECT_EQ(address->host, "127.0.0.1");
    EXPECT_EQ(address->url, "http://127.0.0.1:9990");
}

TEST(ApiAddress, HasPort80UnlessOneIsGiven)
{
    EXPECT_EQ(parse_api_url("http://cron.example/")->port, "80");
}

TEST(ApiAddress, KeepsAPrefixForAProxyWithoutItsLastSlash)
{
    const auto address = parse_api_url("http://intranet:8080/tools/cron/");
    ASSERT_TRUE(address) << address.error().message;
    EXPECT_EQ(address->prefix, "/tools/cron");
    EXPECT_EQ(address->url, "http://intranet:8080/tools/cron");
}

TEST(ApiAddress, TakesIpv6InBrackets)
{
    const auto address = parse_api_url("http://[::1]:9990");
    ASSERT_TRUE(address) << address.error().message;
    EXPECT_EQ(address->host, "::1");
    EXPECT_EQ(address->url, "http://[::1]:9990");
}

TEST(ApiAddress, MayBeASocketOfThisMachine)
{
    const auto address = parse_api_url("unix:/run/peercron/peercron.sock");
    ASSERT_TRUE(address) << address.error().message;
    EXPECT_EQ(address->socket, "/run/peercron/peercron.sock");
    EXPECT_EQ(address->url, "unix:/run/peercron/peercron.sock");
    EXPECT_EQ(parse_api_url("http://node7")->socket, "");
    for (const char* const text : {"unix:", "unix:peercron.sock"}) {
        const auto refused = parse_api_url(text);
        ASSERT_FALSE(refused) << text;
        EXPECT_THAT(refused.error().message, HasSubstr("expected unix:/PATH"));
    }
}

TEST(ApiAddress, SaysWhatIsExpectedWhenItIsNone)
{
    for (const char* const text :
         {"", "http://", "ftp://host:1", "http://host:0", "http://a b:1", "http://me:secret@host:1",
          "http://host:1?x=1", "http://host:x", "http://host:65536", "http://host:84636"}) {
        const auto address = parse_api_url(text);
        ASSERT_FALSE(address) << text;
        EXPECT_THAT(address.error().message, HasSubstr("http://HOST:PORT")) << text;
    }
}

TEST(ApiAddress, HttpsHasItsOwnPort)
{
    const ApiAddress given = parse_api_url("https://host:9990/cron").value();
    EXPECT_TRUE(given.is_https);
    EXPECT_EQ(given.url, "https://host:9990/cron");
    EXPECT_EQ(parse_api_url("https://host").value().port, "443");
    EXPECT_FALSE(parse_api_url("http://host").value().is_https);
}

}  // namespace
}  // namespace peercron
