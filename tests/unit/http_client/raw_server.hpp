#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <list>
#include <string>
#include <utility>
#include <vector>

namespace peercron::testing {

namespace asio = boost::asio;

/// A server on loopback that answers bytes with bytes: for answers that no real server gives.
class RawServer {
public:
    struct Reply {
        std::string bytes;
        bool closes = false;  ///< the connection, after the bytes
    };
    /// From the text of a request, with its body.
    using Answer = std::function<Reply(const std::string&)>;

    RawServer(const asio::any_io_executor& executor, Answer answer)
        : acceptor_(executor, {asio::ip::make_address("127.0.0.1"), 0}), answer_(std::move(answer))
    {
        asio::co_spawn(executor, accept(*this), asio::detached);
    }
    RawServer(const RawServer&) = delete;
    RawServer& operator=(const RawServer&) = delete;
    ~RawServer() = default;

    std::string url(const std::string& path = "/") const
    {
        return "http://127.0.0.1:" + std::to_string(port()) + path;
    }
    unsigned short port() const { return acceptor_.local_endpoint().port(); }

    /// Ends what it does, so that the context has no work left.
    void stop()
    {
        acceptor_.close();
        for (auto& socket : sockets_) socket.close();
    }

    enum class Close : std::uint8_t { ends, resets };

    /// Closes the connection that was made first.
    void close_oldest(Close how)
    {
        auto& socket = sockets_.front();
        if (how == Close::resets) socket.set_option(asio::socket_base::linger(true, 0));
        socket.close();
    }

    std::vector<std::string> requests;
    std::size_t connections = 0;

private:
    static asio::awaitable<void> accept(RawServer& self)
    {
        try {
            for (;;) {
                asio::ip::tcp::socket socket =
                    co_await self.acceptor_.async_accept(asio::use_awaitable);
                ++self.connections;
                self.sockets_.push_back(std::move(socket));
                asio::co_spawn(self.acceptor_.get_executor(), serve(self, self.sockets_.back()),
                               asio::detached);
            }
        } catch (const boost::system::system_error&) {
        }
    }

    static asio::awaitable<void> serve(RawServer& self, asio::ip::tcp::socket& socket)
    {
        try {
            std::string buffer;
            for (;;) {
                std::size_t size = co_await asio::async_read_until(
                    socket, asio::dynamic_buffer(buffer), "\r\n\r\n", asio::use_awaitable);
                const std::string length_name = "Content-Length: ";
                const std::size_t length = buffer.find(length_name);
                if (length < size) size += std::stoul(buffer.substr(length + length_name.size()));
                while (buffer.size() < size) {
                    char more[4096];
                    const std::size_t read =
                        co_await socket.async_read_some(asio::buffer(more), asio::use_awaitable);
                    buffer.append(more, read);
                }
                self.requests.push_back(buffer.substr(0, size));
                buffer.erase(0, size);
                const Reply reply = self.answer_(self.requests.back());
                co_await asio::async_write(socket, asio::buffer(reply.bytes), asio::use_awaitable);
                if (!reply.closes) continue;
                socket.close();
                break;
            }
        } catch (const boost::system::system_error&) {
        }
    }

    asio::ip::tcp::acceptor acceptor_;
    Answer answer_;
    std::list<asio::ip::tcp::socket> sockets_;
};

inline std::string ok(const std::string& body, const std::string& headers = "")
{
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers +
           "\r\n" + body;
}

}  // namespace peercron::testing
