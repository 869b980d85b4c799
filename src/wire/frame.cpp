#include "wire/frame.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace peercron {
namespace {

constexpr std::size_t usual_size = 64 * 1024;  // of the buffer: one read of a busy connection

std::size_t read_length(const char* at)
{
    std::size_t length = 0;
    for (std::size_t i = 0; i < frame_header_size; ++i) {
        length = length << 8U | static_cast<unsigned char>(at[i]);
    }
    return length;
}

}  // namespace

std::size_t begin_frame(std::string& out)
{
    const std::size_t start = out.size();
    out.append(frame_header_size, '\0');
    return start;
}

void end_frame(std::string& out, std::size_t start)
{
    const std::size_t length = out.size() - start - frame_header_size;
    if (length > std::numeric_limits<std::uint32_t>::max()) {
        throw std::length_error("a frame is larger than 4 GiB");
    }
    for (std::size_t i = 0; i < frame_header_size; ++i) {
        out[start + i] = static_cast<char>(length >> (8 * (frame_header_size - 1 - i)));
    }
}

std::span<char> FrameReader::room()
{
    const std::size_t held = end_ - begin_;
    if (begin_ != 0) {
        std::memmove(buffer_.data(), buffer_.data() + begin_, held);
        begin_ = 0;
        end_ = held;
    }
    const std::size_t first = std::min(usual_size, frame_header_size + limit_);
    if (held == 0 && buffer_.size() > first) {
        buffer_ = std::vector<char>(first);  // a giant has passed
    } else if (buffer_.size() - held < first / 2) {
        buffer_.resize(std::max(first, 2 * buffer_.size()));
    }
    return std::span(buffer_).subspan(end_);
}

void FrameReader::filled(std::size_t size)
{
    assert(size <= buffer_.size() - end_);
    end_ += size;
}

Result<std::optional<std::string_view>> FrameReader::next()
{
    const std::size_t held = end_ - begin_;
    if (held < frame_header_size) return std::nullopt;
    const std::size_t length = read_length(buffer_.data() + begin_);
    if (length > limit_) {
        return Error{fmt::format("announced a frame of {} bytes, {} are allowed", length, limit_)};
    }
    if (held - frame_header_size < length) return std::nullopt;
    const std::string_view payload(buffer_.data() + begin_ + frame_header_size, length);
    begin_ += frame_header_size + length;
    return payload;
}

std::string FrameReader::take_rest()
{
    std::string rest(buffer_.data() + begin_, end_ - begin_);
    begin_ = end_ = 0;
    return rest;
}

}  // namespace peercron
