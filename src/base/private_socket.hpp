#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

namespace peercron {

namespace asio = boost::asio;

// Sockets that no child process inherits, not even one that is being spawned at this moment: it
// would keep the port and the connections of its dead node open. Those of Asio can be inherited.

/// For a connection to be made; blocking, as Asio wants it.
boost::system::error_code open_private(asio::ip::tcp::socket& socket,
                                       const asio::ip::tcp& protocol);

/// Binds it, also when connections of an earlier process are still being closed, and listens.
boost::system::error_code listen_private(asio::ip::tcp::acceptor& acceptor,
                                         const asio::ip::tcp::endpoint& endpoint);

/// Accepts a waiting connection on a socket of listen_private(); would_block when there is none.
boost::system::error_code accept_private(asio::ip::tcp::acceptor& acceptor,
                                         asio::ip::tcp::socket& socket);

}  // namespace peercron
