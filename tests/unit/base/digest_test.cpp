#include "base/digest.hpp"

#include <gtest/gtest.h>
#include <spdlog/fmt/fmt.h>

#include <string>

namespace peercron {
namespace {

std::string hex(std::string_view bytes)
{
    std::string text;
    for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return text;
}

// FIPS 180-4, the example of one block.
TEST(Sha256Test, AgreesWithTheStandard)
{
    EXPECT_EQ(hex(view(sha256("abc"))),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

// RFC 4231, test cases 1, 2 and 6.
TEST(HmacTest, AgreesWithTheRfc)
{
    EXPECT_EQ(hex(view(Hmac(std::string(20, '\x0B')).of({"Hi There"}))),
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    EXPECT_EQ(hex(view(Hmac("Jefe").of({"what do ya want ", "for nothing?"}))),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(hex(view(Hmac(std::string(131, '\xAA'))
                           .of({"Test Using Larger Than Block-Size Key - Hash Key First"}))),
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(HmacTest, AKeyMayBeEmptyAndMessagesDoNotDependOnEachOther)
{
    Hmac hmac{std::string_view()};
    const std::string expected = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad";
    EXPECT_EQ(hex(view(hmac.of({}))), expected);
    EXPECT_NE(hex(view(hmac.of({"x"}))), expected);
    EXPECT_EQ(hex(view(hmac.of({}))), expected);
}

TEST(HmacTest, RandomBytesAreNotRepeated)
{
    EXPECT_NE(random_bytes(), random_bytes());
}

}  // namespace
}  // namespace peercron
