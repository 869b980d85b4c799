#include "http/stream.hpp"

#include <spdlog/fmt/fmt.h>

#include <utility>

namespace peercron {

Streams::Place::Place(Streams& streams, Stream& stream) : streams_(streams)
{
    if (streams.is_closed_) {
        HttpError stopping(http::status::service_unavailable, "this node is stopping");
        throw stopping.with(http::field::retry_after, "1");
    }
    if (streams.open_.size() >= streams.most_) {
        HttpError full(http::status::service_unavailable,
                       fmt::format("too many streams: this node serves {} at a time ([http] "
                                   "max_streams); close one, or ask another node",
                                   streams.most_));
        throw full.with(http::field::retry_after, "5");
    }
    place_ = streams.open_.insert(streams.open_.end(), &stream);
}

void Streams::close()
{
    is_closed_ = true;
    for (Stream* const stream : open_) stream->stop();
}

asio::awaitable<std::string> EventStream::next()
{
    std::string out;
    if (!std::exchange(has_begun_, true)) {
        out = "retry: 1000\n\n";  // milliseconds, until a client connects again
        co_return out;            // at once, so that it knows that it is connected
    }
    const SteadyTime latest = std::chrono::steady_clock::now() + heartbeat;
    while (out.empty() && !is_over_ && !is_stopped_) {
        if (std::chrono::steady_clock::now() >= latest) {
            out = ":\n\n";
            co_return out;
        }
        co_await collect(out, latest);
    }
    if (is_stopped_ && !std::exchange(is_over_, true)) append_event(out, "bye", "{}");
    co_return out;
}

void EventStream::stop()
{
    is_stopped_ = true;
    wake();
}

Response EventStream::answer(std::unique_ptr<EventStream> stream)
{
    Response response;
    response.content_type = "text/event-stream";
    response.own_headers.emplace_back("X-Accel-Buffering", "no");  // nginx: pass on what comes
    response.stream = std::move(stream);
    return response;
}

void EventStream::append_event(std::string& out, std::string_view name, std::string_view data,
                               std::optional<std::int64_t> id)
{
    if (id) out += fmt::format("id: {}\n", *id);
    out += fmt::format("event: {}\ndata: {}\n\n", name, data);
}

}  // namespace peercron
