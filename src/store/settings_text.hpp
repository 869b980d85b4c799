#pragma once

#include "model/notice_channel.hpp"

#include <string>
#include <string_view>

namespace peercron {

// The settings of a channel as its column has them: a JSON object of texts.

std::string settings_text(const decltype(NoticeChannel::settings)& settings);

/// Throws StoreError, without the text: it may have secrets.
decltype(NoticeChannel::settings) read_settings(std::string_view channel, std::string_view text);

}  // namespace peercron
