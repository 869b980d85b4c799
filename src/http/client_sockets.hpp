#pragma once

#include "http/message.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/system/error_code.hpp>

#include <filesystem>
#include <string>

namespace peercron {

// The sockets of a server: TCP, or in the file system of this machine. No command inherits them:
// see base/private_socket.hpp.

using ClientSocket = asio::generic::stream_protocol::socket;
using ClientAcceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol>;

/// What an address of the file system begins with: "unix:/run/peercron/peercron.sock".
inline constexpr std::string_view local_scheme = "unix:";

/// Listens at "HOST:PORT", or "unix:PATH", where every user of this machine may connect; a socket
/// there that nobody listens at any more is replaced.
/// @throws std::runtime_error naming the address: it cannot be understood, or is taken.
ClientAcceptor listen_at(const asio::any_io_executor& executor, const std::string& address);

/// Accepts a waiting connection; would_block when there is none.
boost::system::error_code accept_client(ClientAcceptor& acceptor, ClientSocket& socket);

/// Who is at the other end of a connection.
Peer peer_of(ClientSocket& socket);

}  // namespace peercron
