#include "wire/frame_mac.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>

namespace peercron {
namespace {

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
