#pragma once

#include "base/clock.hpp"
#include "exec/program_runner.hpp"
#include "http_client/amqp_client.hpp"
#include "http_client/http_client.hpp"
#include "http_client/mail_client.hpp"
#include "model/notice.hpp"
#include "model/notice_channel.hpp"
#include "model/send_report.hpp"

#include <boost/asio/awaitable.hpp>

#include <string>
#include <utility>
#include <vector>

namespace peercron {

/// Sends notices to channels. Belongs to the thread of its clients.
class Messenger {
public:
    /// By what messages leave this node.
    struct Ways {
        HttpClient& http;
        MailClient& mail;
        AmqpClient& amqp;
        ProgramRunner& programs;
    };

    /// @param commands the only programs that channels may start here, as full paths: a channel is
    ///                 made by a call of the API, and must not open a shell to its caller.
    /// @param node which sends them.
    Messenger(const Clock& clock, Ways ways, std::vector<std::string> commands, std::string node)
        : clock_(clock), ways_(ways), commands_(std::move(commands)), node_(std::move(node))
    {}

    /// One attempt, of 10 s at most. Throws only when the coroutine is cancelled.
    asio::awaitable<SendReport> send(NoticeChannel channel, Notice notice);

private:
    asio::awaitable<SendReport> start(ProgramCall call);

    const Clock& clock_;
    const Ways ways_;
    const std::vector<std::string> commands_;
    const std::string node_;
};

}  // namespace peercron
