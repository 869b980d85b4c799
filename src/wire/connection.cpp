#include "wire/connection.hpp"

#include "base/private_socket.hpp"
#include "base/task_group.hpp"
#include "wire/address.hpp"
#include "wire/codec.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace peercron {
namespace {

using asio::ip::tcp;
using boost::system::error_code;
using Stream = boost::beast::tcp_stream;

constexpr std::size_t kept_capacity = 1U << 20U;    // of a queue after a burst
constexpr std::size_t written_at_once = 1U << 20U;  // encrypted, it is in memory twice

PeerError connect_failure(const std::string& address, error_code error)
{
    if (error == asio::error::connection_refused) {
        return {PeerError::Kind::other, error, address + ": connection refused"};
    }
    if (error == boost::beast::error::timeout || error == asio::error::timed_out) {
        return {PeerError::Kind::timed_out, asio::error::timed_out,
                address + ": no connection in time"};
    }
    return {PeerError::Kind::other, error, fmt::format("{}: {}", address, error.message())};
}

PeerError greeting_failure(const std::string& address, error_code error)
{
    if (error == boost::beast::error::timeout || error == asio::error::timed_out) {
        return {PeerError::Kind::timed_out, asio::error::timed_out,
                address + ": connected, but did not finish the greeting in time"};
    }
    const std::string what = error == asio::error::eof ? "connection closed" : error.message();
    return {PeerError::Kind::other, error, fmt::format("{}: {} in the greeting", address, what)};
}

/// A cancelled coroutine ends here; every other error is the caller's to judge.
void throw_if_cancelled(error_code error)
{
    if (error == asio::error::operation_aborted) throw boost::system::system_error(error);
}

/// On loopback a connection to a free port can meet itself (TCP's simultaneous open).
bool is_connected_to_itself(const tcp::socket& socket)
{
    error_code error;
    const auto local = socket.local_endpoint(error);
    return !error && local == socket.remote_endpoint(error) && !error;
}

std::string_view how_it_closed(const PeerSession& session)
{
    return session.is_inside_message() ? "closed the connection amid a message"
                                       : "closed the connection";
}

/// Carries the greeting out by the deadline that the stream has. `session` may be left with what
/// came right behind the greeting.
asio::awaitable<Result<Greeted, PeerError>> greet(Stream& stream, PeerSession& session,
                                                  const std::string& address)
{
    error_code error;
    tcp::socket& options = stream.socket();
    options.set_option(tcp::no_delay(true), error);
    options.set_option(asio::socket_base::keep_alive(true), error);  // it works without, too

    std::string out;
    for (;;) {
        auto outcome = session.greet(out);
        if (!out.empty()) {
            co_await asio::async_write(stream, asio::buffer(out),
                                       asio::redirect_error(asio::use_awaitable, error));
            throw_if_cancelled(error);
            if (error && !outcome) co_return greeting_failure(address, error);
            out.clear();
        }
        if (outcome) {
            if (*outcome) co_return std::move(**outcome);
            PeerError failure = std::move(outcome->error());
            failure.message = fmt::format("{}: {}", address, failure.message);
            co_return failure;
        }
        const auto room = session.room();
        const std::size_t size =
            co_await stream.async_read_some(asio::buffer(room.data(), room.size()),
                                            asio::redirect_error(asio::use_awaitable, error));
        throw_if_cancelled(error);
        if (error) co_return greeting_failure(address, error);
        session.filled(size);
    }
}

}  // namespace

asio::awaitable<PeerConnection::Result> PeerConnection::connect(std::string address,
                                                                PeerSettings settings,
                                                                SteadyTime deadline)
{
    const auto endpoint = parse_peer_address(address);
    if (!endpoint) co_return PeerError{PeerError::Kind::other, {}, endpoint.error().message};

    Stream stream(co_await asio::this_coro::executor);
    error_code error = open_private(stream.socket(), endpoint->protocol());
    if (error) co_return connect_failure(address, error);
    stream.expires_at(deadline);
    co_await stream.async_connect(*endpoint, asio::redirect_error(asio::use_awaitable, error));
    throw_if_cancelled(error);
    if (!error && is_connected_to_itself(stream.socket())) error = asio::error::connection_refused;
    if (error) co_return connect_failure(address, error);

    PeerSession session(Greeting::Role::client, std::move(settings.greeting));
    auto greeted = co_await greet(stream, session, address);
    if (!greeted) co_return std::move(greeted.error());
    co_return std::unique_ptr<PeerConnection>(
        new PeerConnection(stream.release_socket(), std::move(address), std::move(session),
                           std::move(*greeted), settings.limits));
}

asio::awaitable<PeerConnection::Result> PeerConnection::accept(tcp::socket socket,
                                                               PeerSettings settings,
                                                               SteadyTime deadline)
{
    error_code error;
    const tcp::endpoint remote = socket.remote_endpoint(error);
    std::string address = to_string(remote);
    if (error) co_return greeting_failure(address, error);

    Stream stream(std::move(socket));
    stream.expires_at(deadline);
    PeerSession session(Greeting::Role::server, std::move(settings.greeting));
    auto greeted = co_await greet(stream, session, address);
    if (!greeted) co_return std::move(greeted.error());
    co_return std::unique_ptr<PeerConnection>(
        new PeerConnection(stream.release_socket(), std::move(address), std::move(session),
                           std::move(*greeted), settings.limits));
}

PeerConnection::PeerConnection(tcp::socket socket, std::string remote_address, PeerSession session,
                               Greeted greeted, PeerLimits limits)
    : socket_(std::move(socket)),
      remote_address_(std::move(remote_address)),
      peer_(std::move(greeted.peer)),
      protocol_version_(greeted.version),
      limits_(limits),
      session_(std::move(session)),
      last_received_(std::chrono::steady_clock::now()),
      queued_(socket_.get_executor()),
      ended_(socket_.get_executor())
{
    session_.set_limit(limits_.max_frame);
}

asio::awaitable<ConnectionEnd> PeerConnection::run(Handler handle)
{
    // The end wakes all three, and then each returns.
    TaskGroup tasks(socket_.get_executor());
    last_received_ = std::chrono::steady_clock::now();
    tasks.spawn("peer reader", read(handle));
    tasks.spawn("peer writer", write());
    if (limits_.max_silence.count() > 0) tasks.spawn("peer watch", watch());

    std::exception_ptr failure;
    try {
        co_await tasks.join();
    } catch (...) {
        failure = std::current_exception();  // co_await is not allowed in a handler
    }
    if (failure) {
        close();
        co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
        tasks.cancel();
        co_await tasks.join();
        std::rethrow_exception(failure);
    }
    co_return *end_;
}

asio::awaitable<void> PeerConnection::read(const Handler& handle)
{
    deliver_messages(handle);  // those that came right behind the greeting
    while (!end_) {
        const auto room = session_.room();
        error_code error;
        const std::size_t size =
            co_await socket_.async_read_some(asio::buffer(room.data(), room.size()),
                                             asio::redirect_error(asio::use_awaitable, error));
        if (end_) co_return;
        if (error == asio::error::eof && session_.is_encrypted()) {
            // A peer that closes says so; this end of the stream anybody on the way can make.
            end(ConnectionEnd::Kind::broken, "the connection was cut off", error);
        } else if (error == asio::error::eof) {
            end(ConnectionEnd::Kind::closed_by_peer, how_it_closed(session_), error);
        } else if (error) {
            throw_if_cancelled(error);
            end(ConnectionEnd::Kind::broken, error.message(), error);
        } else {
            last_received_ = std::chrono::steady_clock::now();
            session_.filled(size);
            deliver_messages(handle);
        }
    }
}

void PeerConnection::deliver_messages(const Handler& handle)
{
    while (!end_) {
        const auto encoded = session_.next();
        if (!encoded) return end(ConnectionEnd::Kind::protocol, encoded.error().message);
        if (!*encoded) break;
        auto message = decode(**encoded);
        if (!message) return end(ConnectionEnd::Kind::protocol, "sent " + message.error().message);
        if (*message) handle(std::move(**message));
    }
    if (!end_ && session_.is_closed_by_peer()) {
        end(ConnectionEnd::Kind::closed_by_peer, how_it_closed(session_), asio::error::eof);
    }
}

asio::awaitable<void> PeerConnection::write()
{
    while (!end_) {
        if (outgoing_.empty()) {
            co_await queued_.wait();
            continue;
        }
        std::swap(in_flight_, outgoing_);
        std::string_view rest = in_flight_;
        while (!rest.empty()) {
            const std::string_view bytes = session_.protect(rest.substr(0, written_at_once));
            rest.remove_prefix(std::min(rest.size(), written_at_once));
            error_code error;
            co_await asio::async_write(socket_, asio::buffer(bytes),
                                       asio::redirect_error(asio::use_awaitable, error));
            if (end_) co_return;
            throw_if_cancelled(error);
            if (error) {
                end(ConnectionEnd::Kind::broken, error.message(), error);
                co_return;
            }
        }
        in_flight_.clear();
        if (in_flight_.capacity() > kept_capacity) std::string().swap(in_flight_);
    }
}

asio::awaitable<void> PeerConnection::watch()
{
    while (!end_) {
        const auto now = std::chrono::steady_clock::now();
        if (now >= last_received_ + limits_.max_silence) {
            error_code error;
            if (socket_.available(error) == 0) {
                end(ConnectionEnd::Kind::silent,
                    fmt::format("was silent for {} ms", limits_.max_silence.count()),
                    asio::error::timed_out);
                co_return;
            }
            last_received_ = now;  // this process was busy or stopped, not the peer
        }
        co_await ended_.wait_until(last_received_ + limits_.max_silence);
    }
}

void PeerConnection::send(const Message& message)
{
    if (end_) return;
    const std::size_t size = session_.append(outgoing_, message);
    if (size > limits_.max_frame) {
        return end(ConnectionEnd::Kind::protocol,
                   fmt::format("cannot get a message of {} bytes, {} are allowed", size,
                               limits_.max_frame));
    }
    if (queued_bytes() > limits_.max_queue) {
        return end(ConnectionEnd::Kind::slow,
                   fmt::format("reads too slowly: {} bytes wait for it, {} are allowed",
                               queued_bytes(), limits_.max_queue));
    }
    queued_.notify();
}

void PeerConnection::close()
{
    if (end_) return;
    if (in_flight_.empty()) {
        std::string last(session_.protect(outgoing_));
        last += session_.farewell();
        error_code ignored;
        socket_.non_blocking(true, ignored);
        socket_.write_some(asio::buffer(last), ignored);
    }
    end(ConnectionEnd::Kind::closed_here, "closed here");
}

void PeerConnection::end(ConnectionEnd::Kind kind, std::string_view what, error_code code)
{
    if (end_) return;
    end_ = ConnectionEnd{kind, code, fmt::format("{} ({}): {}", peer_.node, remote_address_, what)};
    error_code ignored;
    socket_.close(ignored);
    queued_.notify();
    ended_.notify();
}

}  // namespace peercron
