#pragma once

#include "api/list_text.hpp"
#include "base/event.hpp"
#include "store/lists.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <utility>

namespace peercron {

/// One read of the store for all callers that wait for the same page.
///
/// Every caller gets data read after its request, as if it had read alone: a read that has begun
/// takes no further callers. Callers that come meanwhile share the next read, which begins when
/// this one has ended; so there is one read of each page at a time. Nothing is kept for later.
/// Lives on the I/O thread; outlives every call.
class SharedReads {
public:
    using Page = std::pair<ListFilter, Slice>;
    /// To be called on the I/O thread just before the store is asked.
    using Begins = std::function<void()>;
    using Read = std::function<asio::awaitable<ListPage>(Begins begins)>;

    /// Throws what `read` throws, to every caller that shares it;
    /// but when the caller that carries it out is cancelled, another one does.
    asio::awaitable<std::shared_ptr<const ListPage>> read(Page page, Read read);

private:
    /// A read, and the callers that came before it began.
    struct Turn {
        bool is_led = false;  // by one of them
        bool has_ended = false;
        std::shared_ptr<const ListPage> found;
        std::exception_ptr error;
    };
    /// All callers that wait for a page.
    struct Line {
        explicit Line(asio::any_io_executor executor) : changed(std::move(executor)) {}
        std::shared_ptr<Turn> next;  // takes new callers
        bool is_reading = false;     // a turn that takes no new callers
        std::size_t waiting = 0;
        Event changed;
    };
    using Lines = std::map<Page, Line>;
    class Place;
    class Lead;

    static asio::awaitable<void> lead(Line& line, Turn& turn, const Read& read);

    Lines lines_;
};

}  // namespace peercron
