#include "http_client.hpp"

#include "await.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/json/parse.hpp>

#include <array>
#include <limits>
#include <utility>

namespace peercron::testing {
namespace {

asio::awaitable<bool> write(asio::ip::tcp::socket& socket, std::string bytes)
{
    boost::system::error_code failed;
    co_await asio::async_write(socket, asio::buffer(bytes),
                               asio::redirect_error(asio::use_awaitable, failed));
    co_return !failed;
}

asio::awaitable<Reply> receive(asio::ip::tcp::socket& socket, boost::beast::flat_buffer& buffer,
                               bool to_head)
{
    Reply reply;
    http::response_parser<http::string_body> parser;
    parser.body_limit(std::numeric_limits<std::uint64_t>::max());
    parser.skip(to_head);
    auto note = [&reply](std::uint64_t size, boost::beast::string_view,
                         boost::system::error_code&) { reply.chunk_sizes.push_back(size); };
    parser.on_chunk_header(note);
    co_await http::async_read(socket, buffer, parser, asio::use_awaitable);
    auto message = parser.release();
    reply.status = message.result_int();
    reply.keep_alive = message.keep_alive();
    reply.body = std::move(message.body());
    reply.headers = std::move(message.base());
    co_return reply;
}

asio::awaitable<std::string> drain(asio::ip::tcp::socket& socket, boost::beast::flat_buffer& buffer)
{
    std::string all(static_cast<const char*>(buffer.data().data()), buffer.size());
    std::array<char, 4096> piece;
    boost::system::error_code failed;
    while (!failed) {
        const auto space = asio::buffer(piece);
        const std::size_t count = co_await socket.async_read_some(
            space, asio::redirect_error(asio::use_awaitable, failed));
        all.append(piece.data(), count);
    }
    co_return all;
}

asio::awaitable<std::string> some(asio::ip::tcp::socket& socket)
{
    std::array<char, 4096> piece;
    const auto space = asio::buffer(piece);
    const std::size_t count = co_await socket.async_read_some(space, asio::use_awaitable);
    co_return std::string(piece.data(), count);
}

}  // namespace

std::string Reply::header(std::string_view name) const
{
    return std::string(headers[boost::beast::string_view(name.data(), name.size())]);
}

boost::json::value Reply::json() const
{
    return boost::json::parse(body);
}

boost::json::value Reply::data() const
{
    return json().at("data");
}

std::string Reply::message() const
{
    return std::string(json().at("message").as_string());
}

HttpClient::HttpClient(asio::io_context& io, const asio::ip::tcp::endpoint& server)
    : io_(io), socket_(io)
{
    socket_.connect(server);
}

void HttpClient::send(std::string_view bytes)
{
    await(io_, write(socket_, std::string(bytes)));
}

Reply HttpClient::read(bool to_head)
{
    return await(io_, receive(socket_, buffer_, to_head));
}

Reply HttpClient::exchange(std::string_view bytes)
{
    send(bytes);
    return read();
}

std::string HttpClient::read_to_end()
{
    return await(io_, drain(socket_, buffer_));
}

std::string HttpClient::read_some()
{
    return await(io_, some(socket_));
}

}  // namespace peercron::testing
