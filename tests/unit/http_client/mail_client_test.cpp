#include "http_client/mail_client.hpp"

#include "base/task_group.hpp"
#include "run_coroutine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using tcp = asio::ip::tcp;
using namespace std::chrono_literals;

/// Takes one mail, in a thread of its own. It knows the addresses that begin with "ops".
class MailServer {
public:
    MailServer() : acceptor_(io_, {asio::ip::make_address("127.0.0.1"), 0}), thread_(serve, this) {}
    MailServer(const MailServer&) = delete;
    MailServer& operator=(const MailServer&) = delete;
    ~MailServer() { join(); }

    std::string address() const
    {
        return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
    }
    /// When a client has come and gone.
    void join()
    {
        if (thread_.joinable()) thread_.join();
    }

    /// Called before each reply, with what the client has said; the reply waits for it.
    std::function<void(const std::string&)> before_reply = [](const std::string&) {};
    std::vector<std::string> taken;  ///< for whom
    std::string data;

private:
    static void serve(MailServer* self)
    {
        try {
            tcp::socket socket = self->acceptor_.accept();
            std::string buffer;
            std::string reply = "220 here";
            while (!reply.empty()) {
                reply += "\r\n";
                asio::write(socket, asio::buffer(reply));
                const std::string end = reply.starts_with("354") ? "\r\n.\r\n" : "\r\n";
                const std::size_t size =
                    asio::read_until(socket, asio::dynamic_buffer(buffer), end);
                const std::string said = buffer.substr(0, size);
                buffer.erase(0, size);
                self->before_reply(said);
                reply = self->answer(said, end.size() > 2);
            }
        } catch (const boost::system::system_error&) {
        }
    }

    std::string answer(const std::string& said, bool is_data)
    {
        if (is_data) data = said;
        if (is_data) return "250 taken";
        if (said.starts_with("QUIT")) return "";
        if (said.starts_with("DATA")) return "354 go on";
        if (!said.starts_with("RCPT TO:<")) return "250 well";
        if (!said.starts_with("RCPT TO:<ops")) return "550 nobody of that name";
        taken.push_back(said.substr(9, said.find('>') - 9));
        return "250 well";
    }

    asio::io_context io_;
    tcp::acceptor acceptor_;
    std::thread thread_;
};

bool is_whole_mail(const std::string& said)
{
    return said.ends_with("\r\n.\r\n");
}

asio::awaitable<void> send(MailClient& client, Mail mail, MailAnswer& answer)
{
    answer = co_await client.send(std::move(mail));
    client.close();
}

asio::awaitable<void> send_until_stopped(MailClient& client, TaskGroup& tasks, Mail mail,
                                         MailAnswer& answer)
{
    tasks.spawn("mail", send(client, std::move(mail), answer));
    co_await tasks.join();
    client.close();
}

class MailClientTest : public ::testing::Test {
protected:
    Mail mail_to(std::vector<std::string> addresses) const
    {
        Mail mail;
        mail.server = server_.address();
        mail.security = Mail::Security::none;
        mail.from = "cron@example.com";
        mail.to = std::move(addresses);
        mail.data = "Subject: backup is failing\r\n\r\nIt is.\r\n";
        return mail;
    }

    MailAnswer send_to(std::vector<std::string> addresses)
    {
        MailClient client(io_.get_executor(), {});
        MailAnswer answer;
        testing::run(io_, send(client, mail_to(std::move(addresses)), answer));
        server_.join();
        return answer;
    }

    asio::io_context io_;
    MailServer server_;
};

TEST_F(MailClientTest, OneUnknownAddressKeepsNoMailFromTheOthers)
{
    const MailAnswer answer = send_to({"ops@example.com", "gone@example.com", "ops2@example.com"});
    EXPECT_TRUE(answer.is_sent) << answer.failure;
    EXPECT_THAT(server_.taken, ElementsAre("ops@example.com", "ops2@example.com"));
    EXPECT_THAT(server_.data, HasSubstr("backup is failing"));
    EXPECT_THAT(answer.said, HasSubstr("550 nobody of that name"));
}

TEST_F(MailClientTest, AMailThatNobodyGetsIsRefused)
{
    const MailAnswer answer = send_to({"gone@example.com", "left@example.com"});
    EXPECT_FALSE(answer.is_sent);
    EXPECT_TRUE(answer.is_refused);
    EXPECT_THAT(answer.failure, HasSubstr("has refused the mail: 550 nobody of that name"));
    EXPECT_THAT(server_.data, IsEmpty());
}

/// The server replies only when the thread of the sender has done something else meanwhile.
TEST_F(MailClientTest, NothingElseWaitsForTheServersLastReplies)
{
    std::vector<std::string> waited_for;
    server_.before_reply = [&](const std::string& said) {
        const bool is_goodbye = said.starts_with("QUIT");
        if (!is_goodbye && !is_whole_mail(said)) return;
        asio::post(io_, asio::use_future).wait();
        waited_for.emplace_back(is_goodbye ? "goodbye" : "mail");
    };
    const MailAnswer answer = send_to({"ops@example.com"});
    EXPECT_TRUE(answer.is_sent) << answer.failure;
    EXPECT_THAT(waited_for, ElementsAre("mail", "goodbye"));
}

/// Or this would not end before the mail's time-out, which is longer than a test may take.
TEST_F(MailClientTest, AMailThatIsCancelledIsNotWaitedFor)
{
    MailClient client(io_.get_executor(), {});
    TaskGroup tasks(io_.get_executor());
    std::promise<void> over;
    server_.before_reply = [&](const std::string& said) {
        if (!is_whole_mail(said)) return;
        asio::post(io_, [&tasks] { tasks.cancel(); });
        over.get_future().wait();
    };
    Mail mail = mail_to({"ops@example.com"});
    mail.timeout = 1h;
    MailAnswer answer;
    testing::run(io_, send_until_stopped(client, tasks, std::move(mail), answer));
    over.set_value();
    server_.join();
    EXPECT_FALSE(answer.is_sent);
}

}  // namespace
}  // namespace peercron
