#include "base/deep_key.hpp"
#include "base/toml.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <string_view>

namespace peercron {
namespace {

std::string key_of(int parts, std::string_view part = "a")
{
    std::string key(part);
    for (int i = 1; i < parts; ++i) key.append(".").append(part);
    return key;
}

std::string repeated(std::string_view text, int times)
{
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
}

TEST(DeepKeyTest, FindsTheLineOfAKeyOfVeryManyParts)
{
    EXPECT_EQ(find_deep_key("x = 1\n" + key_of(101) + " = 1\n"), 2U);
    EXPECT_EQ(find_deep_key("\n\n[" + key_of(101) + "]"), 3U);
    EXPECT_EQ(find_deep_key(key_of(100'000)), 1U);
}

TEST(DeepKeyTest, FindsItBehindQuotedPartsAndInHeadersAndInlineTables)
{
    const std::string deep = key_of(100'000);
    EXPECT_EQ(find_deep_key("\"a\"." + deep + " = 1"), 1U);
    EXPECT_EQ(find_deep_key("'a'." + deep + " = 1"), 1U);
    EXPECT_EQ(find_deep_key(key_of(101, "'a#=b'") + " = 1"), 1U);
    EXPECT_EQ(find_deep_key("x = {" + deep + " = 1}"), 1U);
    EXPECT_EQ(find_deep_key("x = {b = '}', " + deep + " = 1}"), 1U);
    EXPECT_EQ(find_deep_key("x = [1,\n {\"q\"." + deep + " = 1}]"), 2U);
    EXPECT_EQ(find_deep_key("[\"q\"." + deep + "]"), 1U);
    EXPECT_EQ(find_deep_key("[[ 'q' . " + deep + "]]"), 1U);
    EXPECT_EQ(find_deep_key("s = '''\n'''''\r\n" + deep + " = 1"), 3U);
    EXPECT_EQ(find_deep_key("s = \"\"\"\n\\\"\"\"\\\\\"\"\"\n" + deep + " = 1"), 3U);
    EXPECT_EQ(find_deep_key("s = \"\\\"\" # '''\n" + deep + " = 1"), 2U);
}

TEST(DeepKeyTest, AddsUpWhatNestsInEachOther)
{
    const std::string half = key_of(60);
    EXPECT_EQ(find_deep_key("[" + half + "]\n" + half + " = 1"), 2U);
    EXPECT_EQ(find_deep_key("[[" + half + "]]\nb = 1\n" + half + " = 1"), 3U);
    EXPECT_EQ(find_deep_key(half + " = {" + half + " = 1}"), 1U);
    EXPECT_EQ(find_deep_key("x = " + repeated("[", 101)), 1U);
    EXPECT_EQ(find_deep_key("x = " + repeated("{ a = [", 60)), 1U);
}

TEST(DeepKeyTest, LeavesOtherLinesAlone)
{
    const std::string half = key_of(60);
    EXPECT_EQ(find_deep_key(""), std::nullopt);
    EXPECT_EQ(find_deep_key(key_of(100) + " = 1"), std::nullopt);
    EXPECT_EQ(find_deep_key("x = '" + key_of(500) + "'\n# " + key_of(500)), std::nullopt);
    EXPECT_EQ(find_deep_key("x = \"\"\"\n" + key_of(500) + "\n\"\"\""), std::nullopt);
    EXPECT_EQ(find_deep_key("x = [" + repeated("1.5, ", 500) + "]"), std::nullopt);
    EXPECT_EQ(find_deep_key("x = {" + repeated("a.b = 1.5, ", 500) + "}"), std::nullopt);
    EXPECT_EQ(find_deep_key("x = [" + repeated("[1], {a.b = 1},\n", 500) + "]"), std::nullopt);
    EXPECT_EQ(find_deep_key(repeated("[" + half + "]\na = 1\n", 5)), std::nullopt);
    EXPECT_EQ(find_deep_key(half + " = 1\n" + half + " = 1"), std::nullopt);
}

std::size_t depth_of(const toml::node& node)
{
    std::size_t deepest = 0;
    if (const auto* table = node.as_table()) {
        for (const auto& [key, value] : *table) deepest = std::max(deepest, depth_of(value));
    } else if (const auto* list = node.as_array()) {
        for (const auto& value : *list) deepest = std::max(deepest, depth_of(value));
    }
    return deepest + 1;
}

/// Pieces of documents in any order, some of them long.
class HostileText {
public:
    explicit HostileText(unsigned seed) : random_(seed) {}

    std::string make()
    {
        std::string text;
        const int lines = below(6) + 1;
        for (int i = 0; i < lines; ++i) {
            const int form = below(8);
            if (form == 0) {
                text += "[" + key() + "]";
            } else if (form == 1) {
                text += "[[" + key() + "]]";
            } else if (form < 6) {
                text += key() + " = " + value(0);
            } else {
                text += noise();
            }
            if (below(8) == 0) text += " # " + noise();
            text += below(6) == 0 ? "\r\n" : "\n";
        }
        // A byte that is not as it should be, now and then.
        if (below(3) == 0)
            text[static_cast<std::size_t>(below(static_cast<int>(text.size())))] = pick(bytes);
        return text;
    }

private:
    static constexpr std::string_view bytes = "\"'\\[]{}=.,#\n\r \t\xff\x01z";

    int below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random_); }

    char pick(std::string_view some)
    {
        return some[static_cast<std::size_t>(below(static_cast<int>(some.size())))];
    }

    std::string part()
    {
        constexpr std::array<std::string_view, 8> parts{"a",   "b",           "c-d",   "\"q\"",
                                                        "'r'", "\"x.\\\"y\"", "'=[{'", "é"};
        return std::string(parts[static_cast<std::size_t>(below(parts.size()))]) +
               (below(9) == 0 ? " " : "");
    }

    std::string key()
    {
        const int parts = below(4) == 0 ? below(150) + 1 : below(4) + 1;
        std::string key = part();
        for (int i = 1; i < parts; ++i) key += '.' + part();
        return key;
    }

    std::string value(int depth)
    {
        const int form = below(depth < 120 ? 10 : 5);
        if (form == 0) return "1.5";
        if (form == 1) return "'a.b.c'";
        if (form == 2) return "\"\"\"\na.b\\\"\"\"\\\n é\"\"\"\"";
        if (form == 3) return "'''\n[a.b.c]\n'''''";
        if (form == 4) return "2027-01-01T00:00:00.5Z";
        if (form < 8)
            return "[" + value(depth + 1) + (below(3) == 0 ? ", " + value(200) : "") + "]";
        return "{ " + key() + " = " + value(depth + 1) + " }";
    }

    std::string noise()
    {
        std::string text;
        for (int i = below(40); i > 0; --i) text += pick(bytes);
        return text;
    }

    std::mt19937 random_;
};

TEST(DeepKeyTest, WhatTheLibraryAssertsIsAnErrorOfTheText)
{
    for (const char* const text : {"[=]", "[.a]", "[", "[a.]", "x = {=}", "[\xc3\xa9]"}) {
        EXPECT_THROW(parse_toml(text, "f"), toml::parse_error) << text;
    }
    try {
        parse_toml("x = 1\n\"a\"." + key_of(100'000), "f");
        FAIL() << "it was taken";
    } catch (const toml::parse_error& error) {
        EXPECT_EQ(error.source().begin.line, 2U);
    }
}

TEST(DeepKeyTest, NoTextCrashesAndNoneThatPassesIsDeep)
{
    // A table in a list of tables adds a level that no text stands for.
    constexpr std::size_t deepest = 2 * 100 + 2;
    int passed = 0;
    int deep = 0;
    for (unsigned seed = 0; seed < 20'000; ++seed) {
        const std::string text = HostileText(seed).make();
        if (find_deep_key(text)) ++deep;
        try {
            EXPECT_LE(depth_of(parse_toml(text, "f")), deepest) << text;
            ++passed;
        } catch (const toml::parse_error&) {
            continue;
        }
    }
    EXPECT_GT(passed, 1000);
    EXPECT_GT(deep, 1000);
}

}  // namespace
}  // namespace peercron
