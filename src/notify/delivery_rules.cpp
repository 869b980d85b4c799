#include "notify/delivery_rules.hpp"

#include <algorithm>
#include <string>

namespace peercron {

std::chrono::seconds pause_after_attempts(std::int64_t attempts)
{
    constexpr std::chrono::seconds first{10};
    constexpr std::chrono::seconds longest{3600};
    constexpr std::int64_t doublings = 9;  // more than the longest
    const auto shift = std::clamp<std::int64_t>(attempts - 1, 0, doublings);
    return std::min(first * (std::int64_t{1} << shift), longest);
}

NoticeDelivery after_attempt(NoticeDelivery delivery, const SendReport& report, WallTime now)
{
    ++delivery.attempts;
    // The first line says what matters.
    const std::string& said = report.problem.empty() ? report.answer : report.problem;
    delivery.answer = report.kept.empty() ? said.substr(0, said.find('\n')) : report.kept;
    if (report.is_sent) {
        delivery.state = NoticeDelivery::State::sent;
    } else if (report.is_refused) {
        delivery.state = NoticeDelivery::State::refused;
    } else {
        delivery.due_at = now + pause_after_attempts(delivery.attempts);
        return delivery;
    }
    delivery.ended_at = now;
    return delivery;
}

bool is_expired(const NoticeDelivery& delivery, WallTime now)
{
    return now - delivery.created_at >= delivery_lifetime;
}

NoticeDelivery expired(NoticeDelivery delivery, WallTime now)
{
    delivery.state = NoticeDelivery::State::expired;
    delivery.ended_at = now;
    return delivery;
}

}  // namespace peercron
