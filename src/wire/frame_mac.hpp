#pragma once

#include "base/digest.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace peercron {

/// Proves, for one direction of one connection, that each frame comes from the peer that was
/// greeted and is the next one: after each payload stand the first 16 bytes of
/// HMAC-SHA256(key, number of the frame, payload). A frame that is changed, left out, repeated,
/// sent back, or taken from another connection does not pass.
///
/// It hides nothing: anyone who can read the network can read commands and output. To prevent that
/// is the task of TLS.
class FrameMac {
public:
    static constexpr std::size_t size = 16;

    explicit FrameMac(const Digest& key) : hmac_(view(key)) {}

    /// The sender: appends the code of the payload that is the rest of `out` from `payload_start`.
    void seal(std::string& out, std::size_t payload_start);

    /// The receiver: the payload in `sealed`, or nullopt when it is not the peer's next frame.
    std::optional<std::string_view> open(std::string_view sealed);

private:
    Digest next(std::string_view payload);

    Hmac hmac_;
    std::uint64_t number_ = 0;
};

}  // namespace peercron
