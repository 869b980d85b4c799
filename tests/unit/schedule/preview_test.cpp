#include "schedule/preview.hpp"
#include "schedule/rfc3339.hpp"

#include <gtest/gtest.h>

#include <string>

namespace peercron {
namespace {

using namespace std::chrono;

PreviewRequest request(const char* expression, const char* zone = "Europe/Berlin", int count = 2)
{
    return {expression, zone, sys_days(2026y / 3 / 28), count, 0};
}

TEST(Preview, ListsTheNextFiresForATerminal)
{
    EXPECT_EQ(preview_text(preview(request("0 30 2 * * *")).value()),
              "0 30 2 * * *\n"
              "at 02:30:00 (Europe/Berlin)\n"
              "2026-03-28T02:30:00+01:00\n"
              "2026-03-29T03:00:00+02:00\n");
}

TEST(Preview, SaysWhenThereAreFewerFires)
{
    EXPECT_EQ(preview_text(preview(request("0 0 0 1 1 ? 2027", "UTC", 3)).value()),
              "0 0 0 1 1 ? 2027\n"
              "at 00:00:00 on day 1 of the month in January in 2027 (UTC)\n"
              "2027-01-01T00:00:00+00:00\n"
              "no further fires\n");
}

TEST(Preview, GivesTheSameAsJson)
{
    EXPECT_EQ(
        preview_json(preview(request("0 30 2 * * *")).value()),
        R"({"expression":"0 30 2 * * *","description":"at 02:30:00","time_zone":"Europe/Berlin",)"
        R"("next":["2026-03-28T02:30:00+01:00","2026-03-29T03:00:00+02:00"]})"
        "\n");
    EXPECT_EQ(preview_json(preview(request("@daily\t", "UTC", 1)).value()),
              R"({"expression":"@daily\u0009","description":"at 00:00:00","time_zone":"UTC",)"
              R"("next":["2026-03-29T00:00:00+00:00"]})"
              "\n");
    EXPECT_EQ(
        preview_json(preview(request("0 0 0 1 1 ? 1999", "UTC", 1)).value()),
        R"({"expression":"0 0 0 1 1 ? 1999","description":"at 00:00:00 on day 1 of the month in )"
        R"(January in 1999","time_zone":"UTC","next":[]})"
        "\n");
}

TEST(Preview, PassesOnWhyItCannot)
{
    EXPECT_EQ(preview(request("61 * * * * *")).error().message,
              "second '61': 61 is out of range; allowed is 0-59");
    EXPECT_EQ(
        preview(request("* * * * * *", "Mars/Base")).error().message,
        "time zone 'Mars/Base' is unknown; allowed are IANA names such as UTC or Europe/Berlin");
    EXPECT_EQ(preview(request("* * * * * *", "UTC", 0)).error().message,
              "0 fires cannot be listed; allowed are 1-1000");
    EXPECT_EQ(preview(request("* * * * * *", "UTC", 1001)).error().message,
              "1001 fires cannot be listed; allowed are 1-1000");
}

TEST(Rfc3339, ReadsMomentsWithAnyOffset)
{
    const sys_seconds moment = sys_days(2026y / 11 / 20) + 23h;
    EXPECT_EQ(parse_rfc3339("2026-11-20T23:00:00Z").value(), moment);
    EXPECT_EQ(parse_rfc3339("2026-11-20t23:00:00z").value(), moment);
    EXPECT_EQ(parse_rfc3339("2026-11-20 23:00:00.987Z").value(), moment);
    EXPECT_EQ(parse_rfc3339("2026-11-21T00:00:00+01:00").value(), moment);
    EXPECT_EQ(parse_rfc3339("2026-11-20T13:30:00-09:30").value(), moment);
}

TEST(Rfc3339, RefusesEverythingElse)
{
    for (const char* text :
         {"", "now", "2026-11-20", "2026-11-20T23:00:00", "2026-11-20T23:00Z",
          "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-20T24:00:00Z",
          "2026-11-20T23:60:00Z", "2026-11-20T23:00:00+0100", "2026-11-20T23:00:00Zx",
          "2026-11-20T23:00:00.Z", "2026-00-20T23:00:00Z", "26-11-20T23:00:00Z",
          "+2026-11-20T23:00:00Z"}) {
        const auto moment = parse_rfc3339(text);
        ASSERT_FALSE(moment) << text;
        EXPECT_NE(moment.error().message.find("allowed are 2026-11-21T00:00:00+01:00"),
                  std::string::npos);
    }
}

TEST(Rfc3339, WritesTheClockOfTheZone)
{
    const sys_seconds moment = sys_days(2026y / 11 / 20) + 23h;
    EXPECT_EQ(format_rfc3339(moment, 0s), "2026-11-20T23:00:00+00:00");
    EXPECT_EQ(format_rfc3339(moment, 1h), "2026-11-21T00:00:00+01:00");
    EXPECT_EQ(format_rfc3339(moment, -(9h + 30min)), "2026-11-20T13:30:00-09:30");
    EXPECT_EQ(format_rfc3339(moment, -2670s), "2026-11-20T22:15:00-00:45");  // Monrovia until 1972
}

}  // namespace
}  // namespace peercron
