#include "exec/output_capture.hpp"

#include "base/lossy_text.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace peercron {
namespace {

bool is_continuation(char c)
{
    return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

}  // namespace

OutputPart OutputCapture::read(std::int64_t from, std::size_t most) const
{
    // Not what the tail still has by chance, but the newest.
    constexpr std::int64_t newest = 256 * 1024;
    const auto head_end = static_cast<std::int64_t>(head_.size());
    const std::int64_t tail_begin = total_ - static_cast<std::int64_t>(tail_.size());
    OutputPart part;
    part.is_there = true;
    part.total = total_;
    part.from = std::clamp<std::int64_t>(from, 0, total_);
    if (part.from >= head_end && part.from < tail_begin) {
        part.from = std::max(tail_begin, total_ - newest);
    }
    const bool is_in_head = part.from < head_end;
    const std::string_view kept = is_in_head ? head_ : tail_;
    const std::int64_t kept_from = is_in_head ? 0 : tail_begin;
    part.bytes = kept.substr(static_cast<std::size_t>(part.from - kept_from), most);
    return part;
}

void OutputCapture::append(std::string_view bytes)
{
    total_ += static_cast<std::int64_t>(bytes.size());
    const std::size_t to_head = std::min(half_ - head_.size(), bytes.size());
    head_.append(bytes.substr(0, to_head));
    bytes.remove_prefix(to_head);
    if (bytes.size() > half_) bytes.remove_prefix(bytes.size() - half_);
    tail_.append(bytes);
    // The front goes only when as much again has come: each byte is moved once on the average.
    if (tail_.size() > 2 * half_) tail_.erase(0, tail_.size() - half_);
}

std::string OutputCapture::text() const
{
    std::string whole;
    std::string_view head = head_;
    std::string_view tail = tail_;
    const bool is_whole = std::cmp_equal(head.size() + tail.size(), total_);
    if (is_whole && tail.size() <= half_) {
        whole.reserve(head.size() + tail.size());
        whole.append(head).append(tail);
        std::string text;
        if (lossy_size(whole) <= 2 * half_) {
            append_lossy(text, whole, 2 * half_, false);
            return text;
        }
        // Only the replacements made it too long.
        head = whole;
        tail = {};
    } else if (tail.size() > half_) {
        tail.remove_prefix(tail.size() - half_);
    }

    std::string text;
    const std::size_t head_taken = append_lossy(text, head, half_, true);
    if (tail.empty()) tail = head.substr(head_taken);

    // Into the tail: to the beginning of a character, and on until its text fits.
    std::size_t skipped = 0;
    while (skipped < 3 && skipped < tail.size() && is_continuation(tail[skipped])) ++skipped;
    tail.remove_prefix(skipped);
    std::size_t size = lossy_size(tail);
    while (size > half_) {
        const LossyPiece piece = first_lossy_piece(tail);
        size -= piece.text_size();
        tail.remove_prefix(piece.length);
    }
    const std::int64_t left_out = total_ - static_cast<std::int64_t>(head_taken + tail.size());
    text += fmt::format("\n[… {} bytes left out …]\n", left_out);
    append_lossy(text, tail, half_, false);
    return text;
}

}  // namespace peercron
