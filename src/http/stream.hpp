#pragma once

#include "base/clock.hpp"
#include "base/event.hpp"
#include "http/message.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>

namespace peercron {

/// The streams of a node, all clients together. Each costs a connection and the part that is in
/// flight, so there are not more than `most` at a time. Lives on the I/O thread; outlives every
/// stream.
class Streams {
public:
    explicit Streams(std::size_t most) : most_(most) {}
    Streams(const Streams&) = delete;
    Streams& operator=(const Streams&) = delete;
    ~Streams() = default;

    /// A stream's place among them.
    class Place {
    public:
        /// @throws HttpError 503 with Retry-After when all places are taken, or after close().
        Place(Streams& streams, Stream& stream);
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        ~Place() { streams_.open_.erase(place_); }

    private:
        Streams& streams_;
        std::list<Stream*>::iterator place_;
    };

    /// Stops all streams, because the node stops; there will be no others.
    void close();

    std::size_t size() const { return open_.size(); }

private:
    const std::size_t most_;
    bool is_closed_ = false;
    std::list<Stream*> open_;
};

/// Server-sent events (WHATWG HTML, 9.2). A comment each five seconds shows both ends that the
/// other one is there, and keeps proxies from giving up. A stream that is stopped ends with the
/// event `bye`; clients connect again, and reach another node.
class EventStream : public Stream {
public:
    static constexpr std::chrono::seconds heartbeat{5};

    /// @throws HttpError see Streams::Place.
    explicit EventStream(Streams& streams) : place_(streams, *this) {}

    asio::awaitable<std::string> next() final;
    void stop() final;

    /// What the answer of a handler is, with a stream of this kind.
    static Response answer(std::unique_ptr<EventStream> stream);

    /// @param data has no line breaks. @param id what a client sends as Last-Event-ID when it
    /// connects again.
    static void append_event(std::string& out, std::string_view name, std::string_view data,
                             std::optional<std::int64_t> id = {});

protected:
    /// Appends the news to `out`, some 64 KiB of it at most. Returns when there are some, at
    /// `latest`, or soon after wake(); also without any.
    virtual asio::awaitable<void> collect(std::string& out, SteadyTime latest) = 0;

    /// Has collect() return.
    virtual void wake() = 0;

    bool is_stopped() const { return is_stopped_; }

    /// After what is being collected nothing will come.
    void finish() { is_over_ = true; }

private:
    const Streams::Place place_;
    bool has_begun_ = false;
    bool is_stopped_ = false;
    bool is_over_ = false;
};

}  // namespace peercron
