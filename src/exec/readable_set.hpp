#pragma once

#include "base/file_descriptor.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace peercron {

namespace asio = boost::asio;

/// Tells which of many descriptors can be read, in batches: an epoll(7) of its own within Asio's. A
/// descriptor costs one system call when it is added and one when it is removed; as a descriptor of
/// Asio's it would cost four, and a waiting coroutine.
///
/// Belongs to one thread, that of the executor. Throws std::system_error when the system refuses.
class ReadableSet {
public:
    static constexpr std::size_t most_at_once = 256;

    explicit ReadableSet(asio::any_io_executor executor);
    ReadableSet(const ReadableSet&) = delete;
    ReadableSet& operator=(const ReadableSet&) = delete;
    ~ReadableSet();

    /// From now on wait() tells `token` as long as something can be read, or all writers are gone.
    void add(int descriptor, std::uint64_t token);

    /// The same, but at most once.
    void add_once(int descriptor, std::uint64_t token);

    /// To be called before the descriptor is closed, except when it was added for one report and
    /// has been reported.
    void remove(int descriptor);

    /// The tokens of readable descriptors: at least one, and most_at_once at most. Other work of
    /// the thread has its turn first. A token may belong to a descriptor that was removed while
    /// earlier ones were handled. Throws when the coroutine is cancelled.
    asio::awaitable<std::vector<std::uint64_t>> wait();

    /// Lets `time` pass; readable descriptors wake nothing meanwhile.
    asio::awaitable<void> rest(std::chrono::milliseconds time);

private:
    void add(int descriptor, std::uint64_t token, std::uint32_t events);

    FileDescriptor epoll_;
    asio::posix::stream_descriptor watched_;  // epoll_, except while it rests
};

}  // namespace peercron
