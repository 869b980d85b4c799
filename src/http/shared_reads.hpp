#pragma once

#include "base/event.hpp"
#include "http/list_page.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace peercron {

/// One read of the store for all who wait for the same page.
///
/// What somebody gets was read after he asked, as if he had read alone: a read that has begun takes
/// nobody in. Who asks meanwhile shares the next one, which begins when that has ended; so of each
/// page there is one read at a time. Nothing is kept for later. Lives on the I/O thread; outlives
/// every call.
class SharedReads {
public:
    /// To be called on the I/O thread just before the store is asked.
    using Begins = std::function<void()>;
    using Read = std::function<asio::awaitable<ListPage>(Begins begins)>;

    /// @param page names what is read. Throws what `read` throws, each of those who share it; but
    /// when who carries it out is cancelled, another one does.
    asio::awaitable<std::shared_ptr<const ListPage>> read(std::string page, Read read);

private:
    /// What those wait for who asked before it began.
    struct Turn {
        bool is_led = false;  // by one of them
        bool has_ended = false;
        std::shared_ptr<const ListPage> found;
        std::exception_ptr error;
    };
    /// All who wait for a page.
    struct Line {
        explicit Line(asio::any_io_executor executor) : changed(std::move(executor)) {}
        std::shared_ptr<Turn> next;  // takes in whoever asks
        bool is_reading = false;     // a turn that takes in nobody
        std::size_t waiting = 0;
        Event changed;
    };
    using Lines = std::map<std::string, Line>;
    class Place;
    class Lead;

    static asio::awaitable<void> lead(Line& line, Turn& turn, const Read& read);

    Lines lines_;
};

}  // namespace peercron
