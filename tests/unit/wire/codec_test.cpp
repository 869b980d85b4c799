#include "wire/codec.hpp"

#include "random_message.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace peercron {
namespace {

using testing::RandomMessage;

/// "No more than this version knows": a field of a number far above ours.
const std::string unknown_text_field("\xA2\x06\x03new", 6);  // field 100, length-delimited
const std::string unknown_number_field("\xA0\x06\x07", 3);   // field 100, varint

Message decoded(std::string_view payload)
{
    auto message = decode(payload);
    EXPECT_TRUE(message) << message.error().message;
    EXPECT_TRUE(*message) << "taken for an unknown kind";
    return std::move(message->value());
}

TEST(CodecTest, EveryKindOfMessageComesBackAsItWas)
{
    RandomMessage random(1);
    for (std::size_t kind = 0; kind < std::variant_size_v<Message>; ++kind) {
        for (int i = 0; i < 200; ++i) {
            const Message message = random.of_kind(kind);
            ASSERT_EQ(message.index(), kind);
            ASSERT_EQ(decoded(encode(message)), message) << "kind " << kind;
        }
    }
}

TEST(CodecTest, EmptyMessagesComeBackAsTheyWere)
{
    const Message messages[] = {
        TermHello{},  Account{}, RunOrders{},      Revoke{},   Revoked{},
        RunReports{}, KillRun{}, DispatcherBeat{}, NodeBeat{}, JobChanged{},
        RunNow{},     EndRun{},  RetryRun{},       Done{},     RunReports{{RunReport{}}}};
    for (const Message& message : messages) EXPECT_EQ(decoded(encode(message)), message);
}

TEST(CodecTest, AnOlderDispatchersMutexIsALimitOfOne)
{
    RunOrder mutex;
    mutex.concurrency.limit = 1;
    std::string bytes = encode(RunOrders{{mutex}});
    // Fields 9 and 10 of the order are taken away: number 9 as varint 1, number 10 as varint 1.
    const std::string newer("\x48\x01\x50\x01", 4);
    const auto place = bytes.find(newer);
    ASSERT_NE(place, std::string::npos);
    // An unknown field of the same length stands in, so that the lengths around stay true.
    bytes.replace(place, newer.size(), std::string("\x9A\x06\x01x", 4));
    const auto orders = std::get<RunOrders>(decoded(bytes));
    ASSERT_EQ(orders.orders.size(), 1U);
    EXPECT_EQ(orders.orders[0], mutex);
}

TEST(CodecTest, WhatIsNotKnownOfARunStaysUnknownAndZeroStaysZero)
{
    RunReport unknown;
    RunReport zero;
    zero.exit_code = 0;
    zero.term_signal = 0;
    zero.http_status = 0;
    zero.started_at = WallTime();
    zero.ended_at = WallTime();
    const Message message = RunReports{{unknown, zero}};
    EXPECT_EQ(decoded(encode(message)), message);
}

TEST(CodecTest, AMillionBytesOfOutputComeBack)
{
    RunReport report;
    report.output.assign(1'000'000, 'x');
    const Message message = RunReports{{report}};
    EXPECT_EQ(decoded(encode(message)), message);
}

TEST(CodecTest, AFieldOfANewerPeerIsIgnored)
{
    // TermHello (kind 1) with epoch 7 and a field that this version does not know.
    std::string payload("\x0A\x08\x08\x07", 4);
    payload += unknown_text_field;
    EXPECT_EQ(decoded(payload), Message(TermHello{7, ""}));
    EXPECT_EQ(decoded(payload + unknown_number_field), Message(TermHello{7, ""}));
}

TEST(CodecTest, AKindOfANewerPeerIsToldFromGarbage)
{
    const auto unknown = decode(unknown_text_field);
    ASSERT_TRUE(unknown);
    EXPECT_FALSE(*unknown);
}

TEST(CodecTest, WhatNoVersionSendsIsAnError)
{
    EXPECT_FALSE(decode(""));
    EXPECT_FALSE(decode(unknown_number_field));
    EXPECT_FALSE(decode("GET / HTTP/1.1\r\n\r\n"));
    EXPECT_FALSE(decode(std::string(40, '\xFF')));
}

TEST(CodecTest, AStateThatWasNeverAgreedUponIsAnError)
{
    // RunReports (kind 6) of one report with state 99.
    const auto message = decode(std::string_view("\x32\x04\x0A\x02\x10\x63", 6));
    ASSERT_FALSE(message);
    EXPECT_EQ(message.error().message, "6 bytes that are not a message: unknown run state 99");
}

TEST(CodecTest, NoBytesDoHarm)
{
    std::mt19937_64 bytes(2);
    for (int i = 0; i < 20'000; ++i) {
        std::string payload(bytes() % 100, '\0');
        for (char& c : payload) c = static_cast<char>(bytes());
        (void)decode(payload);
    }
}

TEST(CodecTest, NoDamagedMessageDoesHarm)
{
    RandomMessage random(3);
    for (int i = 0; i < 3'000; ++i) {
        const std::string whole = encode(random.next());
        (void)decode(std::string_view(whole).substr(0, random.below(whole.size() + 1)));

        std::string changed = whole;
        for (std::size_t left = 1 + random.below(8); left > 0 && !changed.empty(); --left) {
            changed[random.below(changed.size())] = static_cast<char>(random.below(256));
        }
        const auto message = decode(changed);
        if (message && *message) (void)encode(**message);
    }
}

/// A field with a length, of a number below 16.
std::string field(int number, const std::string& content)
{
    std::string bytes(1, static_cast<char>(number << 3 | 2));
    for (std::size_t length = content.size(); bytes.size() == 1 || length > 0; length >>= 7U) {
        bytes += static_cast<char>((length & 0x7FU) | (length > 0x7FU ? 0x80U : 0U));
    }
    return bytes + content;
}

std::string many(std::size_t count, const std::string& element)
{
    std::string bytes;
    for (std::size_t i = 0; i < count; ++i) bytes += element;
    return bytes;
}

std::string refusal(const std::string& payload)
{
    const auto message = decode(payload);
    return message ? "" : message.error().message;
}

TEST(CodecTest, AFrameOfEightMillionEmptyElementsIsRefused)
{
    EXPECT_EQ(refusal(field(6, many(8'000'000, field(1, "")))),
              "16000005 bytes that are not a message: more than 500000 elements of "
              "peercron.pb.RunReports.reports, or of several lists in that ratio");
}

TEST(CodecTest, AListMayHaveAsManyElementsAsItsCapSaysAndTwoListsShare)
{
    const std::string success("\x10\x03", 2);  // a state is what a report cannot lack
    const std::string held = many(250'000, field(5, ""));
    const std::string ended = many(250'000, field(7, success));
    EXPECT_EQ(refusal(field(2, held + ended)), "");
    EXPECT_NE(refusal(field(2, held + ended + field(7, success))), "");
    EXPECT_EQ(refusal(field(6, many(500'000, field(1, success)))), "");
    EXPECT_NE(refusal(field(6, many(500'001, field(1, success)))), "");
    // Numbers of jobs, packed and one by one.
    EXPECT_EQ(refusal(field(10, field(2, std::string(2'000'000, '\1')))), "");
    EXPECT_NE(refusal(field(10, field(2, std::string(2'000'001, '\1')))), "");
    EXPECT_NE(refusal(field(10, many(2'000'001, "\x10\x01"))), "");
}

TEST(CodecTest, WhatIsNoListComesOnce)
{
    // Two kinds by turns: each is made anew.
    EXPECT_NE(refusal(many(2, field(2, "") + field(6, ""))), "");
    EXPECT_NE(refusal(field(7, field(1, "") + field(1, ""))), "");
    EXPECT_EQ(refusal(field(7, field(1, "") + field(2, ""))), "");
}

TEST(CodecTest, FieldsOfNewerPeersAreFewAndNoGroups)
{
    const std::string hello("\x0A\x02\x08\x07", 4);
    EXPECT_EQ(refusal(hello + many(10'000, unknown_number_field)), "");
    EXPECT_NE(refusal(hello + many(10'001, unknown_number_field)), "");
    EXPECT_NE(refusal(hello + std::string("\xA3\x06\xA4\x06", 4)), "");
}

TEST(CodecTest, AReportInAFileComesBackAsItWas)
{
    RandomMessage random(2);
    for (int i = 0; i < 200; ++i) {
        const Message message = random.of_kind(5);
        for (const RunReport& report : std::get<RunReports>(message).reports) {
            const auto read = decode_report(encode_report(report));
            ASSERT_TRUE(read) << read.error().message;
            ASSERT_EQ(*read, report);
        }
    }
}

TEST(CodecTest, AReportInAFileIsReadByEveryLaterVersion)
{
    // Written by the first version that kept reports. These bytes never change.
    const std::string written(
        "\x0A\x0B\x08\x0C\x10\x80\xB0\x9C\xDB\x9F\x34\x18\x01\x10\x04\x1A\x03"
        "\x77\x68\x79\x72\x03\x6F\x75\x74\x78\x07",
        27);
    const auto read = decode_report(written + unknown_text_field + unknown_number_field);
    ASSERT_TRUE(read) << read.error().message;
    RunReport expected;
    expected.id = RunId{12, from_unix_millis(1'795'219'200'000), 1};
    expected.state = RunState::failed;
    expected.reason = parse_reason("why");
    expected.output = "out";
    expected.output_bytes = 7;
    EXPECT_EQ(*read, expected);
    EXPECT_EQ(encode_report(expected), written);
}

TEST(CodecTest, ARunSaysWhichPartOfItsFireItIs)
{
    RunReport report;
    report.id = RunId{12, from_unix_millis(1'795'219'200'000), 2, 3, 8, "10.0.0.7:9991"};
    const auto read = decode_report(encode_report(report));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->id, report.id);
    EXPECT_EQ(read->id.part, 3);
    EXPECT_EQ(read->id.parts, 8);
    EXPECT_EQ(read->id.node, "10.0.0.7:9991");
}

TEST(CodecTest, WhatIsNoReportIsAnError)
{
    EXPECT_FALSE(decode_report(""));
    EXPECT_FALSE(decode_report("\x0A"));
    RunReport report;
    std::string of_the_future = encode_report(report);
    of_the_future.append("\x10\x63", 2);  // state 99
    const auto read = decode_report(of_the_future);
    ASSERT_FALSE(read);
    EXPECT_NE(read.error().message.find("state 99"), std::string::npos) << read.error().message;
}

}  // namespace
}  // namespace peercron
