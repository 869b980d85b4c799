#pragma once

#include "base/clock.hpp"
#include "http_client/http_client.hpp"
#include "http_client/mail_client.hpp"
#include "model/notice.hpp"
#include "model/notice_channel.hpp"
#include "model/send_report.hpp"

#include <boost/asio/awaitable.hpp>

#include <string>

namespace peercron {

/// Sends notices to channels. Belongs to the thread of its clients.
class Messenger {
public:
    /// @param node which sends them.
    Messenger(const Clock& clock, HttpClient& http, MailClient& mail, std::string node)
        : clock_(clock), http_(http), mail_(mail), node_(std::move(node))
    {}

    /// One attempt, of 10 s at most. Throws only when the coroutine is cancelled.
    asio::awaitable<SendReport> send(NoticeChannel channel, Notice notice);

private:
    const Clock& clock_;
    HttpClient& http_;
    MailClient& mail_;
    const std::string node_;
};

}  // namespace peercron
