#pragma once

#include "base/clock.hpp"
#include "model/send_report.hpp"
#include "store/notice_store.hpp"

#include <chrono>

namespace peercron {

// When a message is sent again. Pure.

inline constexpr std::chrono::hours delivery_lifetime{24};

/// How long after this many failed attempts the next one is: 10 s, doubled up to an hour.
std::chrono::seconds pause_after_attempts(std::int64_t attempts);

/// The delivery after an attempt at `now`.
NoticeDelivery after_attempt(NoticeDelivery delivery, const SendReport& report, WallTime now);

/// Whether it is too old to be sent: nobody wants the news of the day before yesterday.
bool is_expired(const NoticeDelivery& delivery, WallTime now);

/// The same delivery, given up.
NoticeDelivery expired(NoticeDelivery delivery, WallTime now);

}  // namespace peercron
