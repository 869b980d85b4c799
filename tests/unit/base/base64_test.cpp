#include "base/base64.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

TEST(Base64urlTest, EveryValueHasOneForm)
{
    // Source: RFC 4648, section 10, without padding.
    const std::vector<std::pair<std::string, std::string>> pairs{
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xFB\xFF", "-_8"}};
    for (const auto& [bytes, text] : pairs) {
        EXPECT_EQ(encode_base64url(bytes), text);
        EXPECT_EQ(decode_base64url(text), bytes);
    }
    for (const char* bad : {"Z", "Zh", "Zm9", "Zg==", "Zg=", "+/8", "Zm 9v", "Zm9vY"}) {
        EXPECT_EQ(decode_base64url(bad), std::nullopt) << bad;
    }
}

TEST(Base64Test, IsPadded)
{
    // Source: RFC 4648, section 10.
    const std::vector<std::pair<std::string, std::string>> pairs{
        {"f", "Zg=="},         {"fo", "Zm8="},         {"foo", "Zm9v"},     {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}, {"\xFB\xFF", "+/8="}};
    EXPECT_EQ(encode_base64(""), "");
    for (const auto& [bytes, text] : pairs) {
        EXPECT_EQ(encode_base64(bytes), text);
        EXPECT_EQ(decode_base64(text), bytes);
    }
    for (const char* bad : {"", "Zg", "Zm9vY", "-_8=", "A===", "====", "Zm9v====", "    ",
                            "Zm9v----", "Zg==Zg==", "=AAA", "Zm9v\n\n\n\n"}) {
        EXPECT_EQ(decode_base64(bad), std::nullopt) << bad;
    }
}

}  // namespace
}  // namespace peercron
