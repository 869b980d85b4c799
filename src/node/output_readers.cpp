#include "node/output_readers.hpp"

#include "base/contain.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <string>
#include <utility>

namespace peercron {

using namespace std::chrono_literals;

asio::awaitable<ChannelEnd> OutputChannel::run(std::function<void(Message)> on_message)
{
    const auto sort = [this, on_message = std::move(on_message)](Message message) {
        if (auto* const ask = std::get_if<OutputAsk>(&message)) {
            const std::string name = "output for a reader";
            tasks_.spawn(name, contain(name, answer(desk_, std::move(*ask), inner_)));
        } else {
            on_message(std::move(message));
        }
    };
    return inner_->run(sort);
}

/// The asker may have left meanwhile.
asio::awaitable<void> OutputChannel::answer(OutputDesk& desk, OutputAsk ask,
                                            std::weak_ptr<Channel> asker)
{
    const OutputPiece piece = co_await desk.answer(std::move(ask));
    if (const auto channel = asker.lock()) channel->send(piece);
}

asio::awaitable<Result<OutputPart>> OwnOutput::read(RunId run, std::int64_t from,
                                                    std::chrono::milliseconds wait)
{
    // In small steps: a wait here cannot be ended by anybody else.
    constexpr std::chrono::milliseconds step = 200ms;
    for (;;) {
        OutputAsk ask;
        ask.run = run;
        ask.from = from;
        ask.most = OutputDesk::most_at_once;
        ask.wait = std::min(wait, step);
        wait -= ask.wait;
        OutputPiece piece = co_await desk_.answer(std::move(ask));
        if (!piece.error.empty()) co_return Error{piece.error};
        const bool has_news = !piece.part.is_there || !piece.part.bytes.empty();
        if (has_news || wait == 0ms || is_interrupted_) co_return std::move(piece.part);
    }
}

PeerOutput::~PeerOutput()
{
    if (link_) link_->connection->close();
}

void PeerOutput::interrupt()
{
    is_interrupted_ = true;
    if (link_) link_->news.notify();
}

asio::awaitable<void> PeerOutput::carry(std::shared_ptr<Link> link)
{
    const auto take = [&link](Message message) {
        if (auto* const piece = std::get_if<OutputPiece>(&message)) {
            link->last = std::move(*piece);
            link->news.notify();
        } else if (std::holds_alternative<NodeDied>(message)) {
            link->connection->close();
        }
    };
    // However it ends, the reader is told.
    struct Ending {
        Link& link;
        std::string why = "the connection was closed here";
        ~Ending()
        {
            link.end = why;
            link.news.notify();
        }
    };
    Ending ending{*link};
    const ConnectionEnd end = co_await link->connection->run(take);
    ending.why = end.message;
}

asio::awaitable<Result<void>> PeerOutput::connect()
{
    const SteadyTime deadline = std::chrono::steady_clock::now() + limit_;
    auto connected = co_await PeerConnection::connect(node_, settings_, deadline);
    if (!connected) co_return Error{connected.error().message};
    std::unique_ptr<PeerConnection> connection = std::move(*connected);
    if (connection->peer().node != node_) {
        co_return Error{
            fmt::format("{}: the node there calls itself {}", node_, connection->peer().node)};
    }
    if (connection->protocol_version() < output_version) {
        co_return Error{fmt::format(
            "{} cannot show live output yet: its peercron is {}; the output comes when the run "
            "has ended",
            node_, connection->peer().program_version)};
    }
    link_ = std::make_shared<Link>(std::move(connection), tasks_.executor());
    const std::string name = "reader's connection to " + node_;
    tasks_.spawn(name, contain(name, carry(link_)));
    co_return Result<void>();
}

asio::awaitable<Result<OutputPart>> PeerOutput::read(RunId run, std::int64_t from,
                                                     std::chrono::milliseconds wait)
{
    constexpr auto answer_limit = 3s;  // beyond the wait
    if (!link_ || !link_->end.empty()) {
        const Result<void> connected = co_await connect();
        if (connected.has_error()) co_return connected.error();
    }
    OutputAsk ask;
    ask.request = ++last_request_;
    ask.run = run;
    ask.from = from;
    ask.most = OutputDesk::most_at_once;
    ask.wait = wait;
    const std::shared_ptr<Link> link = link_;
    link->connection->send(ask);
    const auto latest = std::chrono::steady_clock::now() + wait + answer_limit;
    while (link->last.request != ask.request) {
        if (!link->end.empty()) co_return Error{link->end};
        if (is_interrupted_) co_return Error{"the reader has left"};
        const bool in_time = co_await link->news.wait_until(latest);
        if (in_time || std::chrono::steady_clock::now() < latest) continue;
        link->connection->close();
        co_return Error{node_ + " does not answer"};
    }
    OutputPiece piece = std::move(link->last);
    link->last = {};
    if (!piece.error.empty()) co_return Error{piece.error};
    co_return std::move(piece.part);
}

}  // namespace peercron
