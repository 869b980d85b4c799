#pragma once

#include "api/run_output.hpp"
#include "base/event.hpp"
#include "base/task_group.hpp"
#include "dispatch/channel.hpp"
#include "exec/output_desk.hpp"
#include "wire/connection.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace peercron {

/// A conversation in which a peer may also ask for the output of runs here. The rest of what it
/// says goes on to who converses.
class OutputChannel final : public Channel {
public:
    /// @param tasks for the asks that wait; joined before `desk` ends.
    OutputChannel(std::unique_ptr<Channel> inner, OutputDesk& desk, TaskGroup& tasks)
        : inner_(std::move(inner)), desk_(desk), tasks_(tasks)
    {}

    void send(const Message& message) override { inner_->send(message); }
    asio::awaitable<ChannelEnd> run(std::function<void(Message)> on_message) override;
    void close() override { inner_->close(); }

private:
    static asio::awaitable<void> answer(OutputDesk& desk, OutputAsk ask,
                                        std::weak_ptr<Channel> asker);

    std::shared_ptr<Channel> inner_;
    OutputDesk& desk_;
    TaskGroup& tasks_;
};

/// Reads at this node.
class OwnOutput final : public RunOutput {
public:
    explicit OwnOutput(OutputDesk& desk) : desk_(desk) {}

    asio::awaitable<Result<OutputPart>> read(RunId run, std::int64_t from,
                                             std::chrono::milliseconds wait) override;
    void interrupt() override { is_interrupted_ = true; }

private:
    OutputDesk& desk_;
    bool is_interrupted_ = false;
};

/// Reads at another node, over a connection to its peer port that is this reader's own: so a slow
/// reader stands in nobody's way, and it does not matter who dispatches. If the connection ends,
/// the next read() makes a new one.
class PeerOutput final : public RunOutput {
public:
    /// @param tasks for the connections. @param limit how long it may take to make one.
    PeerOutput(TaskGroup& tasks, NodeName node, PeerSettings settings,
               std::chrono::milliseconds limit)
        : tasks_(tasks), node_(std::move(node)), settings_(std::move(settings)), limit_(limit)
    {}
    ~PeerOutput() override;

    asio::awaitable<Result<OutputPart>> read(RunId run, std::int64_t from,
                                             std::chrono::milliseconds wait) override;
    void interrupt() override;

private:
    /// A connection, and what came on it.
    struct Link {
        Link(std::unique_ptr<PeerConnection> made, asio::any_io_executor executor)
            : connection(std::move(made)), news(std::move(executor))
        {}
        std::unique_ptr<PeerConnection> connection;
        Event news;
        OutputPiece last;
        std::string end;  // why it has ended
    };

    static asio::awaitable<void> carry(std::shared_ptr<Link> link);
    asio::awaitable<Result<void>> connect();

    TaskGroup& tasks_;
    const NodeName node_;
    const PeerSettings settings_;
    const std::chrono::milliseconds limit_;
    std::shared_ptr<Link> link_;
    std::uint64_t last_request_ = 0;
    bool is_interrupted_ = false;
};

}  // namespace peercron
