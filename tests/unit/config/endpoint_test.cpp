#include "config/endpoint.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

std::optional<HostKind> kind_of(std::string_view text)
{
    const auto endpoint = parse_endpoint(text);
    if (!endpoint) return std::nullopt;
    return endpoint->kind;
}

TEST(EndpointTest, HasAHostAndAPort)
{
    const auto v4 = parse_endpoint("10.0.0.5:9991");
    ASSERT_TRUE(v4);
    EXPECT_EQ(v4->host, "10.0.0.5");
    EXPECT_EQ(v4->port, 9991);
    const auto v6 = parse_endpoint("[fd00::5]:65535");
    ASSERT_TRUE(v6);
    EXPECT_EQ(v6->host, "fd00::5");
    EXPECT_EQ(v6->port, 65535);
}

TEST(EndpointTest, KnowsWhoCanReachIt)
{
    EXPECT_EQ(kind_of("127.0.0.1:1"), HostKind::loopback);
    EXPECT_EQ(kind_of("127.1.2.3:1"), HostKind::loopback);
    EXPECT_EQ(kind_of("[::1]:1"), HostKind::loopback);
    EXPECT_EQ(kind_of("[::ffff:127.0.0.1]:1"), HostKind::loopback);
    EXPECT_EQ(kind_of("0.0.0.0:1"), HostKind::wildcard);
    EXPECT_EQ(kind_of("[::]:1"), HostKind::wildcard);
    EXPECT_EQ(kind_of("[::ffff:0.0.0.0]:1"), HostKind::wildcard);
    EXPECT_EQ(kind_of("128.0.0.1:1"), HostKind::unicast);
    EXPECT_EQ(kind_of("[2001:db8::1]:1"), HostKind::unicast);
    EXPECT_EQ(kind_of("consul.internal:8500"), HostKind::name);
    EXPECT_EQ(kind_of("localhost:8500"), HostKind::name);
}

TEST(EndpointTest, RefusesWhatIsNoAddressOfOneMachine)
{
    for (const auto* text : {"",
                             ":",
                             "127.0.0.1",
                             "127.0.0.1:",
                             ":9990",
                             "127.0.0.1:0",
                             "127.0.0.1:65536",
                             "127.0.0.1:09991",
                             "127.0.0.1:99x",
                             "127.0.0.1:-1",
                             "10.0.0.500:1",
                             "1.2.3:1",
                             "::1:9991",
                             "[::1]",
                             "[::1]9991",
                             "[127.0.0.1]:1",
                             "[]:1",
                             "[::1:1",
                             "224.0.0.1:1",
                             "255.255.255.255:1",
                             "[ff02::1]:1",
                             "http://127.0.0.1:8500",
                             "a b:1",
                             "fe80::1%eth0:1",
                             "[fe80::1%eth0]:1"}) {
        EXPECT_FALSE(parse_endpoint(text)) << text;
    }
}

}  // namespace
}  // namespace peercron
