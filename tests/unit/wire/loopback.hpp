#pragma once

#include "base/event.hpp"
#include "base/task_group.hpp"
#include "wire/address.hpp"
#include "wire/connection.hpp"
#include "wire/frame.hpp"
#include "wire/frame_mac.hpp"
#include "wire/greeting.hpp"
#include "wire/peer_tls.hpp"

#include <gtest/gtest.h>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <dirent.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace peercron::testing {

using asio::ip::tcp;

inline SteadyTime in(std::chrono::milliseconds time)
{
    return std::chrono::steady_clock::now() + time;
}
/// Long enough to mean "never" in a test that works.
inline SteadyTime in_a_minute()
{
    return in(std::chrono::minutes(1));
}

/// Whether the settings of the test that runs are for encrypted connections.
inline bool encrypts = false;

/// Settings of a test that runs with both transports: GetParam() says which.
class EachTransport : public ::testing::TestWithParam<bool> {
protected:
    EachTransport() { encrypts = GetParam(); }
    ~EachTransport() override { encrypts = false; }
    EachTransport(const EachTransport&) = delete;
    EachTransport& operator=(const EachTransport&) = delete;
};
inline std::string transport_name(const ::testing::TestParamInfo<bool>& info)
{
    return info.param ? "Tls" : "Plain";
}

inline PeerSettings settings(std::string node, std::string secret = "a secret")
{
    PeerSettings settings;
    if (encrypts) settings.greeting.tls = std::make_shared<const PskContext>(secret);
    settings.greeting.self = {std::move(node), "1.2.3"};
    settings.greeting.secret = std::move(secret);
    settings.limits.max_silence = std::chrono::minutes(1);
    return settings;
}

inline tcp::acceptor listen_on_loopback(const asio::any_io_executor& executor)
{
    return {executor, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
}

/// Cancels from within a handler, where Boost 1.81's co_spawn does it at once: a cancellation that
/// is posted may find its coroutine gone.
inline asio::awaitable<void> cancel_and_join(TaskGroup& tasks)
{
    tasks.cancel();
    co_await tasks.join();
}

/// Both ends of one connection, or why there is none.
struct Both {
    PeerConnection::Result client;
    PeerConnection::Result server;
};

inline asio::awaitable<void> accept_one(tcp::acceptor& acceptor, PeerSettings mine,
                                        SteadyTime deadline, PeerConnection::Result& result)
{
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    result = co_await PeerConnection::accept(std::move(socket), std::move(mine), deadline);
}

inline asio::awaitable<Both> greet(PeerSettings client, PeerSettings server)
{
    const auto executor = co_await asio::this_coro::executor;
    tcp::acceptor acceptor = listen_on_loopback(executor);
    Both both;
    TaskGroup tasks(executor);
    tasks.spawn("server", accept_one(acceptor, std::move(server), in_a_minute(), both.server));
    both.client = co_await PeerConnection::connect(to_string(acceptor.local_endpoint()),
                                                   std::move(client), in_a_minute());
    co_await tasks.join();
    co_return both;
}

/// A peer that greets properly and then sends whatever the test wants, byte by byte.
class RawPeer {
public:
    explicit RawPeer(const asio::any_io_executor& executor) : socket(executor) {}

    asio::awaitable<void> connect(tcp::endpoint endpoint)
    {
        co_await socket.async_connect(endpoint, asio::use_awaitable);
    }

    asio::awaitable<void> greet(GreetingSettings mine)
    {
        const std::shared_ptr<const PskContext> context = mine.tls;
        Greeting greeting(Greeting::Role::client, std::move(mine));
        Greeting::Step step = greeting.begin();
        while (!step.outcome || step.send) {
            if (step.send) co_await write(encrypted(frame(*step.send)));
            if (step.outcome) break;
            if (step.is_encrypted_from_here) {
                tls = std::make_unique<PeerTls>(PeerTls::Role::client, context);
                co_await shake_hands();
                step = greeting.encrypted(tls->channel_binding());
                continue;
            }
            const std::string payload = co_await read_frame();
            step = greeting.receive(payload);
        }
        if (!tls) mac = std::make_unique<FrameMac>(step.outcome->value().send_key);
    }

    asio::awaitable<void> shake_hands()
    {
        for (;;) {
            std::string out;
            const auto is_complete = tls->handshake(out);
            co_await write(std::move(out));
            EXPECT_TRUE(is_complete) << is_complete.error().message;
            if (!is_complete || *is_complete) break;
            co_await receive();
        }
    }

    /// A frame after the greeting, the next in order.
    std::string sealed(std::string_view payload)
    {
        std::string bytes(payload);
        if (mac) mac->seal(bytes, 0);
        return encrypted(frame(bytes));
    }

    /// The bytes as they stand on the wire.
    std::string encrypted(std::string bytes)
    {
        if (!tls) return bytes;
        std::string out;
        tls->write(bytes, out);
        return out;
    }

    /// What tells the other end that nothing follows, if anything does.
    std::string farewell()
    {
        std::string out;
        if (tls) tls->close(out);
        return out;
    }

    static std::string frame(std::string_view payload)
    {
        std::string bytes;
        const std::size_t start = begin_frame(bytes);
        bytes += payload;
        end_frame(bytes, start);
        return bytes;
    }

    asio::awaitable<void> write(std::string bytes)
    {
        co_await asio::async_write(socket, asio::buffer(bytes), asio::use_awaitable);
    }

    asio::awaitable<std::string> read_frame()
    {
        const std::string header = co_await read(frame_header_size);
        const std::size_t size = static_cast<unsigned char>(header[2]) * std::size_t{256} +
                                 static_cast<unsigned char>(header[3]);
        std::string payload = co_await read(size);
        co_return payload;
    }

    /// This many bytes, decrypted.
    asio::awaitable<std::string> read(std::size_t size)
    {
        std::string bytes(size, '\0');
        std::size_t have = 0;
        while (tls && have < size) {
            const auto more = tls->read(std::span(bytes).subspan(have));
            have += more.value();
            if (*more == 0) co_await receive();
        }
        if (!tls) co_await asio::async_read(socket, asio::buffer(bytes), asio::use_awaitable);
        co_return bytes;
    }

    /// What the socket has, to TLS; returns it, too.
    asio::awaitable<std::string> receive()
    {
        std::string bytes(65536, '\0');
        const std::size_t size =
            co_await socket.async_read_some(asio::buffer(bytes), asio::use_awaitable);
        bytes.resize(size);
        tls->receive(bytes);
        co_return bytes;
    }

    /// All bytes until the other side closes or resets.
    asio::awaitable<std::string> read_to_end()
    {
        std::string bytes;
        boost::system::error_code end;
        co_await asio::async_read(socket, asio::dynamic_buffer(bytes),
                                  asio::redirect_error(asio::use_awaitable, end));
        EXPECT_TRUE(end);
        co_return bytes;
    }

    tcp::socket socket;
    std::unique_ptr<FrameMac> mac;
    std::unique_ptr<PeerTls> tls;
};

/// One end of a connection that runs; keeps what arrives, and why it ended.
class Talker {
public:
    Talker(asio::any_io_executor executor, std::unique_ptr<PeerConnection> mine)
        : connection(std::move(mine)), changed_(std::move(executor))
    {}

    asio::awaitable<void> run()
    {
        auto keep = [this](Message message) {
            messages.push_back(std::move(message));
            if (messages.size() == close_after) connection->close();
            changed_.notify();
        };
        PeerConnection::Handler handler = keep;
        end = co_await connection->run(std::move(handler));
        changed_.notify();
    }

    /// Until so many messages have arrived, or the end.
    asio::awaitable<void> received(std::size_t count)
    {
        while (messages.size() < count && !end) co_await changed_.wait();
    }

    std::unique_ptr<PeerConnection> connection;
    std::vector<Message> messages;
    std::size_t close_after = 0;
    std::optional<ConnectionEnd> end;

private:
    Event changed_;
};

inline std::vector<int> open_descriptors()
{
    std::vector<int> descriptors;
    DIR* const directory = opendir("/proc/self/fd");
    while (const dirent* entry = readdir(directory)) {
        const int fd = std::atoi(entry->d_name);
        if (entry->d_name[0] != '.' && fd != dirfd(directory)) descriptors.push_back(fd);
    }
    closedir(directory);
    return descriptors;
}

}  // namespace peercron::testing
