#include "http/client_sockets.hpp"

#include "base/private_socket.hpp"
#include "base/utf8.hpp"

#include <spdlog/fmt/fmt.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using asio::ip::tcp;
using boost::system::error_code;
using Local = asio::local::stream_protocol;

error_code last_socket_error()
{
    return {errno, boost::system::system_category()};
}

[[noreturn]] void refuse_address(const std::string& address, std::string_view why)
{
    throw std::runtime_error(
        fmt::format("http: cannot listen on {}: {}", quote_utf8(address), why));
}

tcp::endpoint resolve(const std::string& address)
{
    const auto colon = address.rfind(':');
    std::uint16_t port = 0;
    if (colon == std::string::npos) refuse_address(address, "expected HOST:PORT");
    const char* const end = address.data() + address.size();
    const auto [stop, bad] = std::from_chars(address.data() + colon + 1, end, port);
    if (bad != std::errc() || stop != end) {
        refuse_address(address, "expected HOST:PORT with a port from 0 to 65535");
    }
    std::string host = address.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    error_code failed;
    const auto numeric = asio::ip::make_address(host, failed);
    if (!failed) return {numeric, port};
    asio::io_context io;  // only to look the name up, before anything runs
    tcp::resolver resolver(io);
    const auto found = resolver.resolve(host, std::to_string(port), failed);
    if (failed || found.empty()) refuse_address(address, "unknown host: " + failed.message());
    return found.begin()->endpoint();
}

/// Whether a process listens at this socket of the file system.
bool is_listened_at(const Local::endpoint& endpoint)
{
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return true;  // not known
    const bool is_dead =
        ::connect(descriptor, endpoint.data(), static_cast<socklen_t>(endpoint.size())) < 0 &&
        errno == ECONNREFUSED;
    ::close(descriptor);
    return !is_dead;
}

error_code listen_locally(Local::acceptor& acceptor, const std::string& path)
{
    const Local::endpoint endpoint(path);
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return last_socket_error();
    error_code error;
    acceptor.assign(Local(), descriptor, error);
    if (error) {
        ::close(descriptor);
        return error;
    }
    acceptor.bind(endpoint, error);
    if (error == asio::error::address_in_use && !is_listened_at(endpoint)) {
        ::unlink(path.c_str());
        error = {};
        acceptor.bind(endpoint, error);
    }
    // Everybody may ask; who may do what is decided by who asks (SO_PEERCRED).
    constexpr mode_t for_all = 0666;
    if (!error && ::chmod(path.c_str(), for_all) < 0) return last_socket_error();
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    return error;
}

LocalUser user_of(int socket)
{
    LocalUser user;
    ucred who{};
    socklen_t size = sizeof(who);
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0) return user;
    user.uid = who.uid;
    user.groups.push_back(who.gid);
    // Those of the process as they were when it connected, so that nothing has to be looked up.
    constexpr std::size_t most_groups = 1024;
    std::vector<gid_t> groups(most_groups);
    socklen_t bytes = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes) == 0) {
        groups.resize(bytes / sizeof(gid_t));
        user.groups.insert(user.groups.end(), groups.begin(), groups.end());
    }
    return user;
}

}  // namespace

ClientAcceptor listen_at(const asio::any_io_executor& executor, const std::string& address)
{
    error_code error;
    if (address.starts_with(local_scheme)) {
        const std::string path = address.substr(local_scheme.size());
        if (path.size() >= sizeof(sockaddr_un::sun_path)) {
            refuse_address(address, "the path is too long; 107 bytes are allowed");
        }
        Local::acceptor acceptor(executor);
        error = listen_locally(acceptor, path);
        if (!error) return ClientAcceptor(std::move(acceptor));
    } else {
        tcp::acceptor acceptor(executor);
        error = listen_private(acceptor, resolve(address));
        if (!error) return ClientAcceptor(std::move(acceptor));
    }
    if (error == asio::error::address_in_use) {
        refuse_address(address, "another program listens there already");
    }
    refuse_address(address, error.message());
}

error_code accept_client(ClientAcceptor& acceptor, ClientSocket& socket)
{
    int descriptor = -1;
    do {
        descriptor =
            ::accept4(acceptor.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    } while (descriptor < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (descriptor < 0) return last_socket_error();
    error_code error;
    const auto endpoint = acceptor.local_endpoint(error);
    if (!error) socket.assign(endpoint.protocol(), descriptor, error);
    if (error) ::close(descriptor);
    return error;
}

Peer peer_of(ClientSocket& socket)
{
    Peer peer;
    error_code ignored;
    const auto endpoint = socket.remote_endpoint(ignored);
    if (ignored) return peer;
    if (endpoint.protocol().family() == AF_UNIX) {
        peer.user = user_of(socket.native_handle());
        return peer;
    }
    tcp::endpoint remote;
    if (endpoint.size() <= remote.capacity()) {
        std::memcpy(remote.data(), endpoint.data(), endpoint.size());
        remote.resize(endpoint.size());
        peer.address = remote.address();
    }
    return peer;
}

}  // namespace peercron
