#include "base/private_socket.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <boost/asio/error.hpp>

#include <cerrno>

namespace peercron {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

error_code last_error()
{
    return {errno, boost::system::system_category()};
}

/// Gives the descriptor to its owner.
template <class Socket>
error_code assign(Socket& socket, const tcp& protocol, int descriptor)
{
    error_code error;
    socket.assign(protocol, descriptor, error);
    if (error) ::close(descriptor);
    return error;
}

}  // namespace

error_code open_private(tcp::socket& socket, const tcp& protocol)
{
    const int descriptor = ::socket(protocol.family(), SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    return descriptor < 0 ? last_error() : assign(socket, protocol, descriptor);
}

error_code listen_private(tcp::acceptor& acceptor, const tcp::endpoint& endpoint)
{
    const tcp protocol = endpoint.protocol();
    const int descriptor =
        ::socket(protocol.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (descriptor < 0) return last_error();
    error_code error = assign(acceptor, protocol, descriptor);
    if (error) return error;
    acceptor.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    return error;
}

error_code accept_private(tcp::acceptor& acceptor, tcp::socket& socket)
{
    int descriptor = -1;
    do {
        descriptor =
            ::accept4(acceptor.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    } while (descriptor < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (descriptor < 0) return last_error();
    error_code error;
    const tcp::endpoint local = acceptor.local_endpoint(error);
    if (error) {
        ::close(descriptor);
        return error;
    }
    return assign(socket, local.protocol(), descriptor);
}

}  // namespace peercron
