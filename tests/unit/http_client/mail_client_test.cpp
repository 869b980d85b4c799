#include "http_client/mail_client.hpp"

#include "run_coroutine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>

#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using tcp = asio::ip::tcp;

/// Takes one mail. It knows the addresses that begin with "ops".
class MailServer {
public:
    explicit MailServer(const asio::any_io_executor& executor)
        : acceptor_(executor, {asio::ip::make_address("127.0.0.1"), 0})
    {
        asio::co_spawn(executor, serve(*this), asio::detached);
    }
    std::string address() const
    {
        return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
    }

    std::vector<std::string> taken;  ///< for whom
    std::string data;

private:
    static asio::awaitable<void> serve(MailServer& self)
    {
        try {
            tcp::socket socket = co_await self.acceptor_.async_accept(asio::use_awaitable);
            std::string buffer;
            std::string reply = "220 here";
            while (!reply.empty()) {
                reply += "\r\n";
                co_await asio::async_write(socket, asio::buffer(reply), asio::use_awaitable);
                const std::string end = reply.starts_with("354") ? "\r\n.\r\n" : "\r\n";
                const std::size_t size = co_await asio::async_read_until(
                    socket, asio::dynamic_buffer(buffer), end, asio::use_awaitable);
                const std::string said = buffer.substr(0, size);
                buffer.erase(0, size);
                reply = self.answer(said, end.size() > 2);
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

    tcp::acceptor acceptor_;
};

asio::awaitable<void> send(MailClient& client, Mail mail, MailAnswer& answer)
{
    answer = co_await client.send(std::move(mail));
    client.close();
}

class MailClientTest : public ::testing::Test {
protected:
    MailAnswer send_to(std::vector<std::string> addresses)
    {
        MailClient client(io_.get_executor(), {});
        Mail mail;
        mail.server = server_.address();
        mail.security = Mail::Security::none;
        mail.from = "cron@example.com";
        mail.to = std::move(addresses);
        mail.data = "Subject: backup is failing\r\n\r\nIt is.\r\n";
        MailAnswer answer;
        testing::run(io_, send(client, std::move(mail), answer));
        return answer;
    }

    asio::io_context io_;
    MailServer server_{io_.get_executor()};
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

}  // namespace
}  // namespace peercron
