#include "api/shared_reads.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <utility>

namespace peercron {

/// A place in a line, which ends with its last one.
class SharedReads::Place {
public:
    Place(Lines& lines, Page page, asio::any_io_executor executor)
        : lines_(lines), line_(lines.try_emplace(std::move(page), std::move(executor)).first)
    {
        ++line_->second.waiting;
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place()
    {
        if (--line_->second.waiting == 0) lines_.erase(line_);
    }

    Line& line() const { return line_->second; }

private:
    Lines& lines_;
    Lines::iterator line_;
};

/// Ends however the coroutine does: the others must not wait for one who has given up.
class SharedReads::Lead {
public:
    Lead(Line& line, Turn& turn) : line_(line), turn_(turn) { turn_.is_led = true; }
    Lead(const Lead&) = delete;
    Lead& operator=(const Lead&) = delete;
    ~Lead()
    {
        turn_.is_led = false;
        if (has_begun_) line_.is_reading = false;
        if (turn_.has_ended) close();
        line_.changed.notify();
    }

    void begin()
    {
        has_begun_ = true;
        line_.is_reading = true;
        close();
    }

private:
    void close()
    {
        if (line_.next.get() == &turn_) line_.next.reset();
    }

    Line& line_;
    Turn& turn_;
    bool has_begun_ = false;
};

asio::awaitable<std::shared_ptr<const ListPage>> SharedReads::read(Page page, Read read)
{
    auto executor = co_await asio::this_coro::executor;
    const Place place(lines_, std::move(page), std::move(executor));
    Line& line = place.line();
    if (!line.next) line.next = std::make_shared<Turn>();
    const std::shared_ptr<Turn> turn = line.next;
    while (!turn->has_ended) {
        if (turn->is_led || line.is_reading) {
            co_await line.changed.wait();
        } else {
            co_await lead(line, *turn, read);
        }
    }
    if (turn->error) std::rethrow_exception(turn->error);
    co_return turn->found;
}

asio::awaitable<void> SharedReads::lead(Line& line, Turn& turn, const Read& read)
{
    Lead lead(line, turn);
    try {
        Begins begins = [&lead] { lead.begin(); };
        ListPage found = co_await read(std::move(begins));
        turn.found = std::make_shared<const ListPage>(std::move(found));
    } catch (const boost::system::system_error& e) {
        if (e.code() == asio::error::operation_aborted) throw;
        turn.error = std::current_exception();
    } catch (...) {
        turn.error = std::current_exception();
    }
    turn.has_ended = true;
}

}  // namespace peercron
