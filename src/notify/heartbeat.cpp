#include "notify/heartbeat.hpp"

#include "base/event.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

constexpr auto beat_interval = 1min;
constexpr auto first_look = 1s;  // for who becomes the dispatcher

HttpRequest ping_of(const std::string& url)
{
    HttpRequest request;
    request.url = url;
    request.timeout = 10s;
    request.max_body = 64 << 10;
    return request;
}

}  // namespace

asio::awaitable<void> Heartbeat::run()
{
    bool is_told = false;
    for (;;) {
        if (!is_well_()) {
            co_await sleep_for(first_look);
            continue;
        }
        HttpRequest request = ping_of(url_);
        const HttpAnswer answer = co_await http_.request(std::move(request));
        const bool is_taken = answer.end == HttpAnswer::End::whole && answer.status / 100 == 2;
        if (!is_taken && !is_told) {
            spdlog::warn(
                "notices: the watcher at [notify] heartbeat_url was not reached: {}",
                answer.failure.empty() ? fmt::format("status {}", answer.status) : answer.failure);
        }
        is_told = !is_taken;
        co_await sleep_for(beat_interval);
    }
}

}  // namespace peercron
