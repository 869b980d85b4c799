#include "wire/address.hpp"

#include <gtest/gtest.h>

#include <string>

namespace peercron {
namespace {

TEST(AddressTest, AddressesOfBothFamiliesAreRead)
{
    for (const std::string address :
         {"127.0.0.1:9991", "[::1]:9991", "0.0.0.0:0", "[fe80::1]:65535"}) {
        EXPECT_EQ(to_string(parse_peer_address(address).value()), address);
    }
}

TEST(AddressTest, AnythingElseIsAnErrorThatShowsHowItIsWritten)
{
    for (const std::string address :
         {"", ":", "9991", "127.0.0.1", "127.0.0.1:", ":9991", "127.0.0.1:65536", "127.0.0.1:-1",
          "127.0.0.1:1x", "127.0.0.1: 1", "localhost:9991", "::1:9991", "[127.0.0.1]:9991",
          "[]:1"}) {
        EXPECT_FALSE(parse_peer_address(address)) << address;
    }
    EXPECT_EQ(parse_peer_address("localhost:9991").error().message,
              "\"localhost:9991\" is not an address: an IP address and a port are wanted, as "
              "127.0.0.1:9991 or [::1]:9991");
}

}  // namespace
}  // namespace peercron
