#pragma once

#include "base/clock.hpp"
#include "base/event.hpp"
#include "base/file_descriptor.hpp"
#include "base/result.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace peercron {

/// The addresses of a host, as text: "10.0.0.1", "fe80::1".
using Addresses = std::vector<std::string>;

/// As this machine looks names up (getaddrinfo(3)). Blocks for as long as its DNS servers are
/// silent: with the usual settings ten seconds or more.
Result<Addresses> look_up_host(const std::string& host);

struct LookupSettings {
    std::size_t most_at_once = 32;               ///< a thread each, only while it lasts
    std::chrono::milliseconds remember{30'000};  ///< addresses; failures are not remembered
    /// Asked from several threads at once.
    std::function<Result<Addresses>(const std::string&)> look_up = &look_up_host;
};

/// Looks host names up in threads, because the C library blocks. All who want the same host share
/// one lookup; so only different names that hang hold one another up, and only from the
/// `most_at_once`th on.
///
/// A lookup cannot be called back: its thread may outlive this object, and harms nothing then.
///
/// Belongs to the executor's thread.
class NameLookups {
public:
    explicit NameLookups(asio::any_io_executor executor, LookupSettings settings = {});
    NameLookups(const NameLookups&) = delete;
    NameLookups& operator=(const NameLookups&) = delete;
    ~NameLookups();

    /// Waits for no lookup any more, so that nothing here keeps the context busy. Nobody may be
    /// waiting, and nobody asks any more.
    void close();

    /// The error is words: "Name or service not known", "no DNS server has answered".
    asio::awaitable<Result<Addresses>> find(std::string host, SteadyTime deadline);

    /// Lookups under way, those included that nobody waits for any more.
    std::size_t running() const { return running_; }

private:
    /// What is known of a host.
    struct Host {
        explicit Host(const asio::any_io_executor& executor) : news(executor) {}

        bool is_looked_up = false;  // or waits for it
        std::size_t waiting = 0;    // for the answer
        unsigned answers = 0;
        std::optional<Result<Addresses>> answer;
        SteadyTime good_until{};
        Event news;
    };
    struct Lookup;
    struct Mailbox;
    class Waiting;

    bool is_known(const Host& host) const;
    void begin_some();
    void begin(const std::string& name);
    void listen();
    void take_answers();
    void answer(const std::string& name, Result<Addresses> result);
    void forget_old();

    asio::any_io_executor executor_;
    LookupSettings settings_;
    std::unordered_map<std::string, std::shared_ptr<Host>> hosts_;
    std::deque<std::string> queue_;
    std::size_t running_ = 0;
    std::shared_ptr<Mailbox> mailbox_;
    std::shared_ptr<NameLookups*> self_;  // null once this is gone
    asio::posix::stream_descriptor news_;
    bool is_listening_ = false;
};

}  // namespace peercron
