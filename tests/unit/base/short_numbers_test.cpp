#include "base/short_numbers.hpp"

#include <gtest/gtest.h>

#include <string>

namespace peercron {
namespace {

/// Both read the same number from the same characters, or refuse them alike.
template <int base>
void expect_as_from_chars(const std::string& text)
{
    std::int64_t expected = -7;
    std::int64_t read = -7;
    const char* const end = text.data() + text.size();
    const auto usual = std::from_chars(text.data(), end, expected, base);
    const auto ours = read_short_number<base>(text.data(), end, read);
    EXPECT_EQ(ours.ptr - text.data(), usual.ptr - text.data()) << text;
    EXPECT_EQ(ours.ec, usual.ec) << text;
    EXPECT_EQ(read, expected) << text;
}

TEST(ShortNumbersTest, AreReadAsFromCharsDoes)
{
    for (const char* const text : {"",
                                   "0",
                                   "7",
                                   "007",
                                   "42 ",
                                   "42:",
                                   "-",
                                   "-5",
                                   "- 5",
                                   "+5",
                                   " 5",
                                   "a",
                                   "A",
                                   "zz",
                                   "ZZ zz",
                                   "9a",
                                   "a:b",
                                   "x-1",
                                   "123456789012345678",
                                   "1234567890123456789",
                                   "9223372036854775807",
                                   "9223372036854775808",
                                   "99999999999999999999 1",
                                   "-9223372036854775808",
                                   "zzzzzzzzzzzz",
                                   "zzzzzzzzzzzz0",
                                   "1y2p0ij32e8e7",
                                   "1y2p0ij32e8e8",
                                   "-1y2p0ij32e8e8",
                                   "000000000000000000000000012",
                                   "\xff",
                                   "1\xff"}) {
        expect_as_from_chars<10>(text);
        expect_as_from_chars<36>(text);
    }
}

}  // namespace
}  // namespace peercron
