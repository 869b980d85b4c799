#pragma once

#include "base/clock.hpp"
#include "http_client/http_exchange.hpp"
#include "model/notice.hpp"
#include "model/notice_channel.hpp"
#include "notify/message.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace peercron {

// The requests of the services that have forms of their own, and how they say no. Pure. Each text
// is plain text there: what a job is called, or prints, formats nothing and calls nobody.

/// nullopt: the kind is none of these.
std::optional<HttpRequest> make_service_request(const NoticeChannel& channel, const Notice& notice,
                                                const NoticeText& text, WallTime now);

/// Some services answer 200 to everything, and say in the body what was wrong. nullopt: nothing.
std::optional<std::string> find_refusal(const NoticeChannel& channel, std::string_view body);

}  // namespace peercron
