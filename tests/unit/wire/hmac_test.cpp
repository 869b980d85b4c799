#include "wire/hmac.hpp"
#include "wire/frame_mac.hpp"

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

TEST(HmacTest, AnEmptyKeyIsAKeyAndEachMessageStartsAnew)
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

class FrameMacTest : public ::testing::Test {
protected:
    static std::string sealed(FrameMac& mac, std::string_view payload)
    {
        std::string out = "before";
        out += payload;
        mac.seal(out, 6);
        return out.substr(6);
    }

    const Digest key = random_bytes();
    FrameMac sender{key};
    FrameMac receiver{key};
};

TEST_F(FrameMacTest, TheNextFramePasses)
{
    for (const std::string payload : {"first", "", "third", "third"}) {
        EXPECT_EQ(receiver.open(sealed(sender, payload)), payload);
    }
}

TEST_F(FrameMacTest, ARepeatedFrameDoesNotPass)
{
    const std::string frame = sealed(sender, "run it");
    EXPECT_TRUE(receiver.open(frame));
    EXPECT_FALSE(receiver.open(frame));
}

TEST_F(FrameMacTest, AFrameAfterOneThatWasLeftOutDoesNotPass)
{
    (void)sealed(sender, "left out");
    EXPECT_FALSE(receiver.open(sealed(sender, "next")));
}

TEST_F(FrameMacTest, NoByteMayBeChanged)
{
    const std::string frame = sealed(sender, "run it");
    for (std::size_t i = 0; i < frame.size(); ++i) {
        std::string changed = frame;
        changed[i] = static_cast<char>(changed[i] ^ 1);
        FrameMac fresh(key);
        EXPECT_FALSE(fresh.open(changed)) << i;
    }
}

TEST_F(FrameMacTest, AFrameOfAnotherKeyOrTooShortDoesNotPass)
{
    FrameMac other(random_bytes());
    EXPECT_FALSE(receiver.open(sealed(other, "run it")));
    EXPECT_FALSE(receiver.open(""));
    EXPECT_FALSE(receiver.open("fifteen bytes.."));
}

}  // namespace
}  // namespace peercron
