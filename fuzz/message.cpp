#include "fuzzers.hpp"
#include "wire/codec.hpp"
#include "wire/frame.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace peercron::fuzz {
namespace {

constexpr std::size_t limit = 1U << 20U;

/// The payloads in these bytes, which arrive in parts of this size.
std::vector<std::string> payloads(std::string_view bytes, std::size_t part)
{
    FrameReader frames(limit);
    std::vector<std::string> found;
    while (!bytes.empty()) {
        const auto room = frames.room();
        const std::size_t size = std::min({room.size(), part, bytes.size()});
        std::ranges::copy(bytes.substr(0, size), room.begin());
        frames.filled(size);
        bytes.remove_prefix(size);
        for (;;) {
            const auto payload = frames.next();
            if (!payload) return found;
            if (!*payload) break;
            promise((*payload)->size() <= limit, "no frame is longer than the limit");
            found.emplace_back(**payload);
        }
    }
    return found;
}

void check_message(std::string_view payload)
{
    if (const auto message = decode(payload); message && *message) {
        const auto again = decode(encode(**message));
        promise(again && *again == *message, "a message is sent as it was received");
    }
    if (const auto report = decode_report(payload)) {
        const auto again = decode_report(encode_report(*report));
        promise(again && *again == *report, "a report is kept as it was read");
    }
}

}  // namespace

/// What stands on the wire behind a greeting: frames, each with a message. And one message alone,
/// which is also what the journal has.
void fuzz_message(std::string_view bytes)
{
    const std::vector<std::string> whole = payloads(bytes, limit);
    promise(payloads(bytes, 1) == whole, "frames do not depend on how they arrive");
    for (const auto& payload : whole) check_message(payload);
    check_message(bytes);
}

}  // namespace peercron::fuzz
