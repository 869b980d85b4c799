#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

// On a connection between peers everything is frames: four bytes of length, most significant first,
// and the payload of that length.

inline constexpr std::size_t frame_header_size = 4;

/// A frame that is written in place: begin, append its payload to `out`, end.
/// begin_frame() returns where the frame starts in `out`, which end_frame() needs.
std::size_t begin_frame(std::string& out);
void end_frame(std::string& out, std::size_t start);

/// Cuts the bytes that arrive into frames. No I/O: bytes are put into room(), announced with
/// filled(), and frames taken with next() until there is none.
///
/// What a peer announces is checked before memory is taken for it, and memory grows with the
/// bytes that have arrived, not with those that are announced.
class FrameReader {
public:
    /// `limit`: the longest payload that is accepted.
    explicit FrameReader(std::size_t limit) : limit_(limit) {}

    void set_limit(std::size_t limit) { limit_ = limit; }

    /// Where the next bytes go; never empty. Ends the life of every payload handed out.
    std::span<char> room();

    /// The first `size` bytes of room() have arrived.
    void filled(std::size_t size);

    /// The next payload, nullopt when more bytes are needed, or an Error when the peer announces
    /// more than the limit: nothing after that makes sense. Valid until room() is called.
    Result<std::optional<std::string_view>> next();

    /// Takes out everything that no frame was made of: what follows is not frames, or not yet.
    std::string take_rest();

    /// Whether bytes of an unfinished frame are held.
    bool is_inside_frame() const { return begin_ != end_; }

private:
    std::size_t limit_;
    std::vector<char> buffer_;
    std::size_t begin_ = 0;  // of what was not taken yet …
    std::size_t end_ = 0;    // … and its end
};

}  // namespace peercron
