#include "http_client/amqp_client.hpp"

#include "base/event.hpp"
#include "http_client/curl_parts.hpp"
#include "http_client/failure_text.hpp"
#include "http_client/server_address.hpp"

#include <amqp.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <spdlog/fmt/fmt.h>
#include <sys/time.h>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace peercron {
namespace {

constexpr std::chrono::milliseconds amqp_connect_timeout{5000};
constexpr amqp_channel_t the_channel = 1;
constexpr int tls_port = 5671;
constexpr int plain_port = 5672;

amqp_bytes_t bytes_of(const std::string& text)
{
    return {text.size(), const_cast<char*>(text.data())};
}

std::string_view text_of(const amqp_bytes_t& bytes)
{
    return {static_cast<const char*>(bytes.bytes), bytes.len};
}

timeval timeval_of(SteadyTime limit)
{
    const auto left = std::max<std::chrono::microseconds>(
        std::chrono::ceil<std::chrono::microseconds>(limit - std::chrono::steady_clock::now()),
        std::chrono::microseconds(0));
    const auto whole = std::chrono::floor<std::chrono::seconds>(left);
    return {static_cast<time_t>(whole.count()), static_cast<suseconds_t>((left - whole).count())};
}

/// What the broker says when it closes the channel or the connection.
std::string closing_text(const amqp_method_t& method)
{
    const auto said = [](const auto* close) {
        return fmt::format("the broker has refused it: {}", text_of(close->reply_text));
    };
    if (method.id == AMQP_CONNECTION_CLOSE_METHOD) {
        return said(static_cast<const amqp_connection_close_t*>(method.decoded));
    }
    if (method.id == AMQP_CHANNEL_CLOSE_METHOD) {
        return said(static_cast<const amqp_channel_close_t*>(method.decoded));
    }
    return fmt::format("the broker has answered with method {:#x}", method.id);
}

struct CloseConnection {
    void operator()(amqp_connection_state_t_* connection) const
    {
        amqp_destroy_connection(connection);
    }
};
using AmqpConnection = std::unique_ptr<amqp_connection_state_t_, CloseConnection>;

/// One conversation with a broker; blocks. Each step says what is wrong, or nothing.
class Publication {
public:
    Publication(const AmqpMessage& message, std::string address, int port,
                const std::string& ca_file)
        : message_(message),
          address_(std::move(address)),
          port_(port),
          ca_file_(ca_file),
          limit_(std::chrono::steady_clock::now() + message.timeout),
          connection_(amqp_new_connection())
    {
        if (!connection_) throw std::bad_alloc();
    }

    std::string carry_out()
    {
        std::string failure = connect();
        if (failure.empty()) failure = log_in();
        if (failure.empty()) failure = open_channel();
        if (failure.empty()) failure = publish();
        if (failure.empty()) failure = await_confirmation();
        if (failure.empty()) say_goodbye();
        return failure;
    }

private:
    std::string connect()
    {
        amqp_socket_t* socket = nullptr;
        if (message_.has_tls) {
            socket = amqp_ssl_socket_new(connection_.get());
            if (socket == nullptr) throw std::bad_alloc();
            const int status = amqp_ssl_socket_set_cacert(socket, ca_file_.c_str());
            if (status != AMQP_STATUS_OK) return "cannot read the certificates in " + ca_file_;
            amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST);
        } else {
            socket = amqp_tcp_socket_new(connection_.get());
            if (socket == nullptr) throw std::bad_alloc();
        }
        const SteadyTime limit =
            std::min(limit_, std::chrono::steady_clock::now() + amqp_connect_timeout);
        const timeval patience = timeval_of(limit);
        const int status = amqp_socket_open_noblock(socket, address_.c_str(), port_, &patience);
        if (status == AMQP_STATUS_OK) return {};
        const std::string peer = peer_text(address_, port_);
        if (status == AMQP_STATUS_TIMEOUT) {
            return fmt::format("no connection to {} within {}", peer,
                               seconds_text(amqp_connect_timeout));
        }
        return fmt::format("cannot connect to {}: {}", peer, amqp_error_string2(status));
    }

    std::string log_in()
    {
        constexpr int most_channels = 1;
        constexpr int no_heartbeat = 0;
        const timeval patience = timeval_of(limit_);
        amqp_set_handshake_timeout(connection_.get(), &patience);
        const amqp_rpc_reply_t reply = amqp_login(
            connection_.get(), message_.vhost.c_str(), most_channels, AMQP_DEFAULT_FRAME_SIZE,
            no_heartbeat, AMQP_SASL_METHOD_PLAIN, message_.user.c_str(), message_.password.c_str());
        return failure_of(reply);
    }

    std::string open_channel()
    {
        const timeval patience = timeval_of(limit_);
        amqp_set_rpc_timeout(connection_.get(), &patience);
        amqp_channel_open(connection_.get(), the_channel);
        std::string failure = failure_of(amqp_get_rpc_reply(connection_.get()));
        if (!failure.empty()) return failure;
        amqp_confirm_select(connection_.get(), the_channel);
        return failure_of(amqp_get_rpc_reply(connection_.get()));
    }

    std::string publish()
    {
        constexpr std::uint8_t persistent = 2;
        static const std::string json = "application/json";
        static const std::string app = "peercron";
        amqp_basic_properties_t properties{};
        properties._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
                            AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_TIMESTAMP_FLAG |
                            AMQP_BASIC_TYPE_FLAG | AMQP_BASIC_APP_ID_FLAG;
        properties.content_type = bytes_of(json);
        properties.delivery_mode = persistent;
        properties.message_id = bytes_of(message_.id);
        properties.timestamp = static_cast<std::uint64_t>(message_.timestamp);
        properties.type = bytes_of(message_.type);
        properties.app_id = bytes_of(app);
        constexpr amqp_boolean_t is_mandatory = 1;
        constexpr amqp_boolean_t is_immediate = 0;
        const int status =
            amqp_basic_publish(connection_.get(), the_channel, bytes_of(message_.exchange),
                               bytes_of(message_.routing_key), is_mandatory, is_immediate,
                               &properties, bytes_of(message_.body));
        return status == AMQP_STATUS_OK ? std::string() : words_for(status);
    }

    std::string await_confirmation()
    {
        std::string returned;
        for (;;) {
            amqp_maybe_release_buffers(connection_.get());
            amqp_frame_t frame{};
            const timeval patience = timeval_of(limit_);
            const int status = amqp_simple_wait_frame_noblock(connection_.get(), &frame, &patience);
            if (status != AMQP_STATUS_OK) return words_for(status);
            // What comes back has a header and a body, too.
            if (frame.frame_type != AMQP_FRAME_METHOD) continue;
            const amqp_method_t& method = frame.payload.method;
            if (method.id == AMQP_BASIC_ACK_METHOD) return returned;
            if (method.id == AMQP_BASIC_NACK_METHOD) return "the broker could not keep it";
            if (method.id != AMQP_BASIC_RETURN_METHOD) return closing_text(method);
            const auto* const why = static_cast<const amqp_basic_return_t*>(method.decoded);
            returned =
                fmt::format("no queue takes it from exchange \"{}\" with routing key \"{}\" ({})",
                            message_.exchange, message_.routing_key, text_of(why->reply_text));
        }
    }

    /// Or the broker logs a warning. Nobody waits long for its answer.
    void say_goodbye()
    {
        const timeval patience{1, 0};
        amqp_set_rpc_timeout(connection_.get(), &patience);
        amqp_connection_close(connection_.get(), AMQP_REPLY_SUCCESS);
    }

    std::string failure_of(const amqp_rpc_reply_t& reply) const
    {
        switch (reply.reply_type) {
            case AMQP_RESPONSE_NORMAL:
                return {};
            case AMQP_RESPONSE_SERVER_EXCEPTION:
                return closing_text(reply.reply);
            case AMQP_RESPONSE_LIBRARY_EXCEPTION:
            case AMQP_RESPONSE_NONE:
                break;
        }
        return words_for(reply.library_error);
    }

    std::string words_for(int status) const
    {
        const std::string peer = peer_text(address_, port_);
        if (status == AMQP_STATUS_TIMEOUT) {
            return fmt::format("no answer from {} within {}", peer, seconds_text(message_.timeout));
        }
        return fmt::format("{}: {}", peer, amqp_error_string2(status));
    }

    const AmqpMessage& message_;
    const std::string address_;
    const int port_;
    const std::string& ca_file_;
    const SteadyTime limit_;
    AmqpConnection connection_;
};

}  // namespace

/// One message. The coroutine that sends it may end earlier.
class AmqpClient::Exchange : public std::enable_shared_from_this<Exchange> {
public:
    Exchange(AmqpClient& client, AmqpMessage message)
        : client_(client),
          message_(std::move(message)),
          server_(parse_server(message_.server, message_.has_tls ? tls_port : plain_port)),
          ended_(client.executor_)
    {}

    asio::awaitable<AmqpAnswer> run()
    {
        AmqpAnswer answer;
        answer.failure = co_await look_up();
        if (!answer.failure.empty()) co_return answer;
        asio::post(client_.threads_, [self = shared_from_this()] { self->carry_out(); });
        while (!answer_) co_await ended_.wait();
        co_return *std::move(answer_);
    }

    void abandon() { is_abandoned_ = true; }

private:
    /// Where the connection leads. Says what is wrong.
    asio::awaitable<std::string> look_up()
    {
        Addresses addresses{server_.host};
        if (!is_address(server_.host)) {
            const SteadyTime limit = std::chrono::steady_clock::now() + amqp_connect_timeout;
            Result<Addresses> found = co_await client_.names_.find(server_.host, limit);
            if (found.has_error()) {
                co_return fmt::format("could not resolve host {}: {}", server_.host,
                                      found.error().message);
            }
            addresses = *std::move(found);
        }
        for (const std::string& address : addresses) {
            if (!client_.denied_.contain(asio::ip::make_address(address))) continue;
            co_return fmt::format("connections to {} are forbidden ([http_client] deny)", address);
        }
        // A certificate is of a name, and no other server has the key to it.
        connect_to_ = message_.has_tls ? server_.host : addresses.front();
        co_return std::string();
    }

    /// Blocks, in a thread of the client.
    void carry_out()
    {
        if (is_abandoned_) return;
        AmqpAnswer answer;
        try {
            Publication publication(message_, connect_to_, server_.port, client_.ca_file_);
            answer.failure = publication.carry_out();
        } catch (const std::bad_alloc&) {
            answer.failure = "no memory for a connection";
        }
        answer.is_sent = answer.failure.empty();
        asio::post(client_.executor_, [self = shared_from_this(), answer]() mutable {
            self->answer_ = std::move(answer);
            self->ended_.notify();
        });
    }

    AmqpClient& client_;
    const AmqpMessage message_;
    const ServerAddress server_;
    std::string connect_to_;
    Event ended_;
    std::optional<AmqpAnswer> answer_;
    std::atomic<bool> is_abandoned_ = false;
};

AmqpClient::AmqpClient(asio::any_io_executor executor, const HttpClientSettings& settings)
    : executor_(std::move(executor)),
      ca_file_(ca_file_of(settings)),
      denied_(denied_networks(settings)),
      names_(executor_, settings.lookups)
{}

AmqpClient::~AmqpClient()
{
    close();
}

asio::awaitable<AmqpAnswer> AmqpClient::send(AmqpMessage message)
{
    const auto exchange = std::make_shared<Exchange>(*this, std::move(message));
    const auto leave = [](Exchange* left) { left->abandon(); };
    const std::unique_ptr<Exchange, decltype(leave)> waiting(exchange.get(), leave);
    AmqpAnswer answer = co_await exchange->run();
    co_return answer;
}

void AmqpClient::close()
{
    if (std::exchange(is_closed_, true)) return;
    threads_.join();
    names_.close();
}

}  // namespace peercron
