#include "node/peers.hpp"

#include "node/local_channel.hpp"
#include "node/output_readers.hpp"
#include "node/tcp_channel.hpp"
#include "wire/address.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace peercron {

Peers::Peers(asio::any_io_executor executor, Parts parts)
    : io_(std::move(executor)), parts_(std::move(parts))
{
    // Which nodes connect here, and whether encrypted and with certificates, is what an operator
    // looks at before requiring it.
    auto& family = prometheus::BuildCounter()
                       .Name("peercron_peer_connections_accepted_total")
                       .Help(
                           "Connections of other nodes, by encryption (certificate, tls with the "
                           "cluster secret alone, or none)")
                       .Register(parts_.metrics);
    by_certificates_ = &family.Add({{"encryption", "certificate"}});
    encrypted_ = &family.Add({{"encryption", "tls"}});
    unencrypted_ = &family.Add({{"encryption", "none"}});
}

void Peers::listen(const std::string& address)
{
    const auto on_peer = [this](std::unique_ptr<PeerConnection> peer) {
        converse(std::move(peer));
    };
    listener_.emplace(io_, address, listener_settings(), on_peer);
}

ListenerSettings Peers::listener_settings() const
{
    ListenerSettings settings;
    settings.peer = parts_.settings;
    settings.is_member = [this](const asio::ip::address& address) {
        return std::ranges::any_of(parts_.coordinator.members(), [&address](const Member& member) {
            const auto endpoint = parse_peer_address(member.name);
            return endpoint && endpoint->address() == address;
        });
    };
    return settings;
}

void Peers::converse(std::unique_ptr<PeerConnection> peer)
{
    note(*peer);
    const std::string name = "conversation with " + peer->remote_address();
    auto conversation = std::make_unique<TcpChannel>(std::move(peer));
    auto channel = std::make_unique<OutputChannel>(std::move(conversation), parts_.outputs,
                                                   parts_.conversations);
    parts_.start(name, parts_.agent.converse(std::move(channel)));
}

void Peers::note(const PeerConnection& peer)
{
    if (peer.is_by_certificates()) return by_certificates_->Increment();
    (peer.is_encrypted() ? encrypted_ : unencrypted_)->Increment();
    const auto& certificate = parts_.settings.greeting.certificate;
    if (peer.is_encrypted() && !(certificate && certificate())) return;
    spdlog::info("peer: the connection of {} ({}, peercron {}) {}", peer.peer().node,
                 peer.remote_address(), peer.peer().program_version,
                 peer.is_encrypted() ? "is encrypted without a certificate" : "is not encrypted");
}

asio::awaitable<Result<std::unique_ptr<Channel>>> Peers::connect(NodeName node)
{
    if (node != parts_.self) {
        return TcpChannel::connect(std::move(node), parts_.settings, parts_.connect_limit);
    }
    return connect_to_self();
}

asio::awaitable<Result<std::unique_ptr<Channel>>> Peers::connect_to_self()
{
    auto [dispatcher, node] = make_local_channels(io_);
    parts_.start("conversation with itself", parts_.agent.converse(std::move(node)));
    co_return std::move(dispatcher);
}

std::unique_ptr<RunOutput> Peers::output_at(const NodeName& node)
{
    if (node == parts_.self) return std::make_unique<OwnOutput>(parts_.outputs);
    return std::make_unique<PeerOutput>(parts_.readers, node, parts_.settings,
                                        parts_.connect_limit);
}

}  // namespace peercron
