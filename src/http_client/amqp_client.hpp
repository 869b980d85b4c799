#pragma once

#include "base/networks.hpp"
#include "http_client/http_client.hpp"
#include "http_client/name_lookups.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace peercron {

/// A message for an exchange of a broker. Source: AMQP 0-9-1; RabbitMQ, "Consumer Acknowledgements
/// and Publisher Confirms".
struct AmqpMessage {
    std::string server;   ///< "rabbit.example.com", or with ":5671"; without: 5671 or 5672
    bool has_tls = true;  ///< the certificate is checked
    std::string user;
    std::string password;
    std::string vhost = "/";
    std::string exchange;  ///< "": the queue that has the routing key's name
    std::string routing_key;
    std::string id;                             ///< the property message-id
    std::string type;                           ///< the property type
    std::int64_t timestamp = 0;                 ///< Unix seconds
    std::string body;                           ///< JSON
    std::chrono::milliseconds timeout{10'000};  ///< of the whole, but for the lookup
};

struct AmqpAnswer {
    /// The broker has confirmed it: it is in a queue, and on the disk if that is durable.
    bool is_sent = false;
    std::string failure;  ///< why not, for an operator at night
};

/// Publishes messages, a connection for each, persistent, and waits until the broker confirms
/// them. A message that no queue takes comes back, and is a failure: it would be told to nobody.
///
/// What is forbidden to HttpClient is not connected to; certificates are checked as there. Proxies
/// are not for brokers. The library blocks, so messages have threads of their own: four are under
/// way at a time, the others wait for their turn.
///
/// Belongs to the executor's thread.
class AmqpClient {
public:
    /// Throws std::runtime_error for settings that make no sense.
    AmqpClient(asio::any_io_executor executor, const HttpClientSettings& settings);
    AmqpClient(const AmqpClient&) = delete;
    AmqpClient& operator=(const AmqpClient&) = delete;
    ~AmqpClient();

    /// Throws only when the coroutine is cancelled; then the message may be published or not.
    asio::awaitable<AmqpAnswer> send(AmqpMessage message);

    /// No message may be under way, and none can be sent any more. Blocks until the threads have
    /// ended: for a broker that hangs some seconds.
    void close();

private:
    class Exchange;

    asio::any_io_executor executor_;
    std::string ca_file_;
    Networks denied_;
    NameLookups names_;
    asio::thread_pool threads_{4};
    bool is_closed_ = false;
};

}  // namespace peercron
