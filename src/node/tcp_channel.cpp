#include "node/tcp_channel.hpp"

#include <spdlog/fmt/fmt.h>

#include <boost/asio/error.hpp>

#include <utility>

namespace peercron {

TcpChannel::TcpChannel(std::unique_ptr<PeerConnection> connection)
    : connection_(std::move(connection))
{}

void TcpChannel::send(const Message& message)
{
    connection_->send(message);
}

asio::awaitable<ChannelEnd> TcpChannel::run(std::function<void(Message)> on_message)
{
    ConnectionEnd end = co_await connection_->run(std::move(on_message));
    ChannelEnd ended;
    // A kernel resets the connections of a process that died with unread bytes.
    ended.by_peer = end.kind == ConnectionEnd::Kind::closed_by_peer ||
                    end.code == asio::error::connection_reset;
    ended.why = std::move(end.message);
    co_return ended;
}

void TcpChannel::close()
{
    connection_->close();
}

asio::awaitable<Result<std::unique_ptr<Channel>, ConnectFailure>> TcpChannel::connect(
    NodeName node, PeerSettings settings, std::chrono::milliseconds limit)
{
    const SteadyTime deadline = std::chrono::steady_clock::now() + limit;
    auto connected = co_await PeerConnection::connect(node, std::move(settings), deadline);
    if (!connected) {
        const PeerError& error = connected.error();
        ConnectFailure failure;
        failure.refused = error.kind == PeerError::Kind::refused;
        failure.why = error.message;
        co_return failure;
    }
    std::unique_ptr<PeerConnection> connection = std::move(*connected);
    const NodeName& there = connection->peer().node;
    if (there != node) {
        ConnectFailure failure;
        failure.why = fmt::format("{}: the node there calls itself {}", node, there);
        co_return failure;
    }
    std::unique_ptr<Channel> channel = std::make_unique<TcpChannel>(std::move(connection));
    co_return channel;
}

}  // namespace peercron
