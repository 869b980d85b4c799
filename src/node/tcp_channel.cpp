#include "node/tcp_channel.hpp"

#include <spdlog/fmt/fmt.h>

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
    ended.why = std::move(end.message);
    co_return ended;
}

void TcpChannel::close()
{
    connection_->close();
}

asio::awaitable<Result<std::unique_ptr<Channel>>> TcpChannel::connect(
    NodeName node, PeerSettings settings, std::chrono::milliseconds limit)
{
    const SteadyTime deadline = std::chrono::steady_clock::now() + limit;
    auto connected = co_await PeerConnection::connect(node, std::move(settings), deadline);
    if (!connected) co_return Error{connected.error().message};
    std::unique_ptr<PeerConnection> connection = std::move(*connected);
    const NodeName& there = connection->peer().node;
    if (there != node)
        co_return Error{fmt::format("{}: the node there calls itself {}", node, there)};
    std::unique_ptr<Channel> channel = std::make_unique<TcpChannel>(std::move(connection));
    co_return channel;
}

}  // namespace peercron
