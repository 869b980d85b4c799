#include "cli/event_parser.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace peercron {
namespace {

using ::testing::ElementsAre;

constexpr std::string_view stream =
    "retry: 1000\n\n"
    ":\n\n"
    "id: 4\nevent: output\ndata: {\"text\":\"a: b\"}\n\n"
    "event: bye\ndata: {}\n\n";

const ServerEvent heartbeat{"", "", ""};
const ServerEvent output{"output", R"({"text":"a: b"})", "4"};
const ServerEvent bye{"bye", "{}", "4"};

TEST(EventParser, TakesEventsApartAndPassesOverTheRest)
{
    EXPECT_THAT(EventParser().take(stream), ElementsAre(heartbeat, output, bye));
}

TEST(EventParser, ItDoesNotMatterHowTheStreamIsCut)
{
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        EventParser parser;
        std::vector<ServerEvent> events = parser.take(stream.substr(0, cut));
        for (ServerEvent& event : parser.take(stream.substr(cut))) {
            events.push_back(std::move(event));
        }
        EXPECT_THAT(events, ElementsAre(heartbeat, output, bye)) << cut;
    }
}

TEST(EventParser, DataOfSeveralLinesBelongTogether)
{
    EXPECT_THAT(EventParser().take("event: x\ndata: a\ndata: b\n\n"),
                ElementsAre(ServerEvent{"x", "a\nb", ""}));
}

}  // namespace
}  // namespace peercron
