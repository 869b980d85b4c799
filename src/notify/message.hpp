#pragma once

#include "base/clock.hpp"
#include "exec/program_runner.hpp"
#include "http_client/amqp_client.hpp"
#include "http_client/http_exchange.hpp"
#include "http_client/mail_client.hpp"
#include "model/notice.hpp"
#include "model/notice_channel.hpp"

#include <string>
#include <variant>

namespace peercron {

// What goes to a channel, made from a notice. Pure; every text from outside is escaped as the form
// of its place wants it.

/// A notice in words.
struct NoticeText {
    std::string title;  ///< one line: "backup is failing"
    std::string text;   ///< begins with the time that it is about
};
NoticeText describe(const Notice& notice);

using NoticeMessage = std::variant<HttpRequest, Mail, AmqpMessage, ProgramCall>;

/// @param channel has no problem (find_problem()).
/// @param node which sends it.
/// @param now when it is sent.
NoticeMessage make_message(const NoticeChannel& channel, const Notice& notice,
                           const std::string& node, WallTime now);

/// A message as it is shown to people, without the secrets of the channel.
std::string shown(const NoticeMessage& message, const NoticeChannel& channel);

}  // namespace peercron
