#include "model/placeholders.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

const RunId run{12, from_unix_millis(1'795'219'200'005), 3};

TEST(Placeholders, AreFilledWithWhatTheRunIs)
{
    EXPECT_EQ(fill_placeholders("a {{job}} b {{ scheduled_at }} c {{attempt}}", run),
              "a 12 b 2026-11-21T00:00:00.005Z c 3");
    EXPECT_EQ(fill_placeholders("{{job}}{{job}}", run), "1212");
}

TEST(Placeholders, WhatIsNoneStays)
{
    for (const char* const text :
         {"", "{", "{{", "{{job", "{job}", "}} {{", "{\"a\": {\"b\": 1}}"}) {
        EXPECT_EQ(fill_placeholders(text, run), text);
        EXPECT_EQ(unknown_placeholder(text), std::nullopt) << text;
    }
}

TEST(Placeholders, AnUnknownOneIsFound)
{
    EXPECT_EQ(unknown_placeholder("{{job}} {{jobs}}"), "{{jobs}}");
    EXPECT_EQ(unknown_placeholder("{{ secret.KEY }}"), "{{ secret.KEY }}");
    EXPECT_EQ(unknown_placeholder("{{}}"), "{{}}");
}

}  // namespace
}  // namespace peercron
