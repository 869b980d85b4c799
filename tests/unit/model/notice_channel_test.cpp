#include "model/notice_channel.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace peercron {
namespace {

NoticeChannel hook(const std::string& url)
{
    NoticeChannel channel;
    channel.name = "ops";
    channel.kind = "webhook";
    channel.settings["url"] = url;
    return channel;
}

TEST(NoticeChannel, WhatAServerRepeatsOfAnAddressIsNotShown)
{
    const NoticeChannel channel =
        hook("https://example.com/hooks/T0psecret?token=p%40ssword&v=2#fragment");
    const auto shown = [&channel](const std::string& text) {
        return without_secrets(channel, text);
    };
    EXPECT_EQ(shown("POST https://example.com/hooks/T0psecret?token=p%40ssword&v=2#fragment"),
              "POST https://example.com/***");
    EXPECT_EQ(shown("no /hooks/T0psecret?token=p%40ssword&v=2#fragment here"), "no /*** here");
    EXPECT_EQ(shown("no /hooks/T0psecret here"), "no /*** here");
    EXPECT_EQ(shown("no hook T0psecret"), "no hook ***");
    EXPECT_EQ(shown("bad token p%40ssword"), "bad token ***");
    EXPECT_EQ(shown("bad token p@ssword"), "bad token ***");
    EXPECT_EQ(shown("bad v 2"), "bad v 2") << "short ones are no secrets";
}

TEST(NoticeChannel, AnAddressMayBeAQueryAlone)
{
    const NoticeChannel channel = hook("https://example.com/?key=abcdefgh&abcdefghij");
    EXPECT_EQ(without_secrets(channel, "GET / has no abcdefgh, no abcdefghij"),
              "GET / has no ***, no ***");
    EXPECT_EQ(without_secrets(hook("https://example.com"), "GET / https://example.com"),
              "GET / https://example.com");
}

TEST(NoticeChannel, ALongerSecretIsNotLeftInPart)
{
    NoticeChannel channel = hook("https://example.com/a?one=secret&two=secret-and-more");
    EXPECT_EQ(without_secrets(channel, "secret-and-more secret"), "*** ***");
}

}  // namespace
}  // namespace peercron
