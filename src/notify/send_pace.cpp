#include "notify/send_pace.hpp"

#include <spdlog/fmt/fmt.h>

#include <utility>

namespace peercron {

std::optional<SteadyTime> SendPace::gathers_until(SteadyTime now)
{
    if (!gathers_) {
        while (!sent_.empty() && now - sent_.front() >= window) sent_.pop_front();
        gathers_ = sent_.size() >= most;
    }
    if (!gathers_) return std::nullopt;
    return sent_.front() + window;
}

void SendPace::gathered()
{
    sent_.clear();
    gathers_ = false;
}

Notice grouped(std::vector<Notice> notices)
{
    Notice group;
    group.kind = NoticeKind::grouped;
    group.at = notices.front().at;
    group.count = std::ssize(notices);
    // The same when the same are sent again; each has its own id besides.
    group.id = fmt::format("grouped-{}-{}", notices.size(), notices.front().id);
    for (Notice& notice : notices) {
        if (notice.run) notice.run->output.clear();
    }
    group.notices = std::move(notices);
    return group;
}

}  // namespace peercron
