#include "notify/messenger.hpp"

#include "run_coroutine.hpp"
#include "unit/http_client/raw_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include <string>
#include <utility>

namespace peercron {
namespace {

using ::testing::HasSubstr;
using testing::RawServer;
using ::testing::StartsWith;

/// A messenger, and a server that answers everything with the same bytes.
class MessengerTest : public ::testing::Test {
protected:
    SendReport send(NoticeChannel channel)
    {
        SendReport report;
        testing::run(io_, go(*this, std::move(channel), report));
        return report;
    }

    NoticeChannel hook() const
    {
        NoticeChannel channel;
        channel.name = "ops";
        channel.kind = "webhook";
        channel.settings["url"] = server_.url("/hook");
        return channel;
    }

    std::string answer_ = testing::ok("");

private:
    static asio::awaitable<void> go(MessengerTest& self, NoticeChannel channel, SendReport& report)
    {
        report = co_await self.messenger_.send(std::move(channel), Notice());
        self.http_.close();
        self.mail_.close();
        self.amqp_.close();
        self.programs_.close();
        self.server_.stop();
    }

    asio::io_context io_;
    SystemClock clock_;
    RawServer server_{io_.get_executor(), [this](const std::string&) {
                          return RawServer::Reply{answer_, true};
                      }};
    HttpClient http_{io_.get_executor(), {}};
    MailClient mail_{io_.get_executor(), {}};
    AmqpClient amqp_{io_.get_executor(), {}};
    Spawner spawner_{"n1:9991", "/bin/sh", {}, clock_};
    ProgramRunner programs_{io_.get_executor(), spawner_};
    Messenger messenger_{
        clock_, {http_, mail_, amqp_, programs_}, {"/bin/cat", "/bin/false"}, "n1:9991"};
};

TEST_F(MessengerTest, SaysWhatCameBack)
{
    answer_ = testing::ok("thank you");
    const SendReport report = send(hook());
    EXPECT_TRUE(report.is_sent) << report.problem;
    EXPECT_EQ(report.answer, "HTTP/1.1 200 OK\n\nthank you");
}

TEST_F(MessengerTest, ALongAnswerIsOneAllTheSame)
{
    answer_ = testing::ok(std::string(100'000, 'x'));
    const SendReport report = send(hook());
    EXPECT_TRUE(report.is_sent) << report.problem;
    EXPECT_THAT(report.answer, StartsWith("HTTP/1.1 200 OK\n\nxxx"));
    EXPECT_LT(report.answer.size(), 3000);
}

NoticeChannel program(const std::string& file)
{
    NoticeChannel channel;
    channel.name = "page";
    channel.kind = "command";
    channel.settings["program"] = file;
    return channel;
}

TEST_F(MessengerTest, AProgramGetsTheNoticeAndItsOutputIsKept)
{
    const SendReport report = send(program("/bin/cat"));
    EXPECT_TRUE(report.is_sent) << report.problem;
    EXPECT_THAT(report.request, StartsWith("/bin/cat\nPEERCRON_CHANNEL=page\n"));
    EXPECT_THAT(report.kept, StartsWith("exit code 0: {\"type\":\"job.test\""));
    EXPECT_THAT(report.answer, StartsWith("exit code 0\n\n{\"type\":\"job.test\""));
}

TEST_F(MessengerTest, AProgramThatFailsIsTriedAgain)
{
    const SendReport report = send(program("/bin/false"));
    EXPECT_FALSE(report.is_sent);
    EXPECT_FALSE(report.is_refused);
    EXPECT_EQ(report.problem, "the program: exit code 1");
}

TEST_F(MessengerTest, OnlyTheProgramsOfTheConfigurationAreStarted)
{
    const SendReport report = send(program("/bin/../bin/cat"));
    EXPECT_FALSE(report.is_sent);
    EXPECT_EQ(report.problem,
              "node n1:9991 does not start /bin/../bin/cat: its [notify] commands allows /bin/cat, "
              "/bin/false");
    EXPECT_EQ(report.answer, "");
}

TEST_F(MessengerTest, AChannelWithoutItsAddressIsAProblemOfItsOwn)
{
    NoticeChannel channel = hook();
    channel.settings.clear();
    const SendReport report = send(channel);
    EXPECT_FALSE(report.is_sent);
    EXPECT_FALSE(report.is_refused) << "somebody may mend the row";
    EXPECT_THAT(report.problem, StartsWith("the channel's row makes no sense: url: missing"));
}

TEST_F(MessengerTest, AChannelOfAKindThatIsNotKnownGetsNothing)
{
    NoticeChannel channel = hook();
    channel.kind = "pigeon";
    const SendReport report = send(channel);
    EXPECT_FALSE(report.is_sent);
    EXPECT_THAT(report.problem, HasSubstr("makes no sense: kind: given \"pigeon\""));
}

}  // namespace
}  // namespace peercron
