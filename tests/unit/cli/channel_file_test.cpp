#include "cli/channel_file.hpp"

#include "cli/exit_status.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <boost/json/parse.hpp>

#include <filesystem>
#include <fstream>
#include <string>

namespace peercron {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;
using ::testing::SizeIs;

NoticeChannel webhook(const std::string& url)
{
    NoticeChannel channel;
    channel.name = "ops";
    channel.kind = "webhook";
    channel.settings = {{"url", url}};
    channel.tags = {"db"};
    return channel;
}

std::string refusal(const NoticeChannel& channel)
{
    try {
        channel_calls({channel}, json::array());
    } catch (const Failure& failure) {
        return failure.what();
    }
    return {};
}

TEST(ChannelFileTest, AChannelIsAddedOrWrittenAgain)
{
    const NoticeChannel channel = webhook("https://example.com/x");
    auto calls = channel_calls({channel}, json::parse(R"([{"id":7,"name":"other"}])"));
    ASSERT_THAT(calls, SizeIs(1));
    EXPECT_TRUE(calls[0].is_new);
    EXPECT_EQ(calls[0].target, "/channel/add");
    EXPECT_EQ(calls[0].parameters.at("url"), "https://example.com/x");
    EXPECT_EQ(calls[0].parameters.at("secret"), "") << "it is taken out";
    EXPECT_EQ(calls[0].parameters.at("tags"), json::parse(R"(["db"])"));
    EXPECT_EQ(calls[0].parameters.at("every_job"), false);
    EXPECT_FALSE(calls[0].parameters.contains("token")) << "a webhook has none";
    calls = channel_calls({channel}, json::parse(R"([{"id":7,"name":"ops"}])"));
    EXPECT_FALSE(calls[0].is_new);
    EXPECT_EQ(calls[0].target, "/channel/update");
    EXPECT_EQ(calls[0].parameters.at("id"), 7);
}

TEST(ChannelFileTest, ASettingMayBeInAFileOfItsOwn)
{
    const std::filesystem::path file =
        std::filesystem::temp_directory_path() / ("channel-" + std::to_string(::getpid()));
    std::ofstream(file) << "https://example.com/secret\n";
    const auto calls = channel_calls({webhook("@" + file.string())}, json::array());
    std::filesystem::remove(file);
    EXPECT_EQ(calls.at(0).parameters.at("url"), "https://example.com/secret");
    EXPECT_THAT(refusal(webhook("@" + file.string())),
                HasSubstr("channel 'ops': url: " + file.string() + " cannot be read"));
}

TEST(ChannelFileTest, WhatMakesNoSenseIsRefusedBeforeAnythingIsChanged)
{
    EXPECT_THAT(refusal(webhook("ftp://example.com")), HasSubstr("channel 'ops': url: "));
    NoticeChannel strange = webhook("https://example.com/");
    strange.settings.emplace("server", "localhost");
    EXPECT_THAT(refusal(strange), HasSubstr("server"));
}

}  // namespace
}  // namespace peercron
