#include "exec/output_desk.hpp"

#include "base/event.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// How often a run is looked at that has written nothing.
constexpr auto look_interval = 100ms;

/// Asks that wait: those of some nodes with as many streams as they may have.
constexpr std::size_t most_waiting = 2000;

class Waiting {
public:
    explicit Waiting(std::size_t& count) : count_(count) { ++count_; }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    ~Waiting() { --count_; }

private:
    std::size_t& count_;
};

}  // namespace

asio::awaitable<OutputPiece> OutputDesk::answer(OutputAsk ask)
{
    OutputPiece piece;
    piece.request = ask.request;
    if (waiting_ >= most_waiting) {
        piece.error = fmt::format("{} readers wait for output here already", waiting_);
        co_return piece;
    }
    const Waiting waiting(waiting_);
    const std::size_t most = std::clamp<std::size_t>(ask.most, 1, most_at_once);
    const auto wait = std::clamp(ask.wait, 0ms, longest_wait);
    const auto until = std::chrono::steady_clock::now() + wait;
    for (;;) {
        piece.part = read_(ask.run, ask.from, most);
        const bool has_news = !piece.part.is_there || !piece.part.bytes.empty();
        if (has_news || std::chrono::steady_clock::now() >= until) co_return piece;
        co_await sleep_for(look_interval);
    }
}

}  // namespace peercron
