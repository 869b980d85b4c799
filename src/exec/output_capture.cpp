#include "exec/output_capture.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace peercron {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

/// A piece of the command's output that becomes one character.
struct Piece {
    std::size_t length = 1;
    bool is_valid = false;
    bool is_unfinished = false;  ///< a good beginning, but the bytes end here

    std::size_t text_size() const { return is_valid ? length : replacement.size(); }
};

bool in_range(unsigned char byte, unsigned low, unsigned high)
{
    return byte >= low && byte <= high;
}

/// The piece at the front of `bytes`, which are not empty. Unicode 15, table 3-7.
Piece first_piece(std::string_view bytes)
{
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    const unsigned char lead = at(0);
    if (lead < 0x80U) return {1, lead != 0, false};

    std::size_t length = 0;
    unsigned low = 0x80U;  // of the second byte
    unsigned high = 0xBFU;
    if (in_range(lead, 0xC2U, 0xDFU)) {
        length = 2;
    } else if (in_range(lead, 0xE0U, 0xEFU)) {
        length = 3;
        if (lead == 0xE0U) low = 0xA0U;
        if (lead == 0xEDU) high = 0x9FU;
    } else if (in_range(lead, 0xF0U, 0xF4U)) {
        length = 4;
        if (lead == 0xF0U) low = 0x90U;
        if (lead == 0xF4U) high = 0x8FU;
    } else {
        return {1, false, false};
    }
    for (std::size_t i = 1; i < length; ++i) {
        if (i == bytes.size()) return {i, false, true};
        if (!in_range(at(i), low, high)) return {i, false, false};
        low = 0x80U;
        high = 0xBFU;
    }
    return {length, true, false};
}

/// How many bytes at the front are ASCII other than NUL: nearly all output is nothing else.
std::size_t plain_prefix(std::string_view bytes)
{
    const auto is_special = [](char c) { return static_cast<signed char>(c) <= 0; };
    const auto end = std::ranges::find_if(bytes, is_special);
    return static_cast<std::size_t>(end - bytes.begin());
}

std::size_t text_size(std::string_view bytes)
{
    std::size_t size = 0;
    while (!bytes.empty()) {
        const std::size_t plain = plain_prefix(bytes);
        size += plain;
        bytes.remove_prefix(plain);
        if (bytes.empty()) break;
        const Piece piece = first_piece(bytes);
        size += piece.text_size();
        bytes.remove_prefix(piece.length);
    }
    return size;
}

/// Appends the text of `bytes` to `text`, but not more than `limit` bytes of it. Returns how many
/// of `bytes` were taken. An unfinished character at the end is not taken when `may_go_on`.
std::size_t append_text(std::string& text, std::string_view bytes, std::size_t limit,
                        bool may_go_on)
{
    std::size_t taken = 0;
    while (taken < bytes.size() && limit > 0) {
        const std::string_view rest = bytes.substr(taken);
        const std::size_t plain = std::min(plain_prefix(rest), limit);
        text.append(rest.substr(0, plain));
        taken += plain;
        limit -= plain;
        if (taken == bytes.size()) break;
        const Piece piece = first_piece(bytes.substr(taken));
        if (piece.text_size() > limit || (piece.is_unfinished && may_go_on)) break;
        text.append(piece.is_valid ? bytes.substr(taken, piece.length) : replacement);
        taken += piece.length;
        limit -= piece.text_size();
    }
    return taken;
}

bool is_continuation(char c)
{
    return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

}  // namespace

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
        if (text_size(whole) <= 2 * half_) {
            append_text(text, whole, 2 * half_, false);
            return text;
        }
        // Only the replacements made it too long.
        head = whole;
        tail = {};
    } else if (tail.size() > half_) {
        tail.remove_prefix(tail.size() - half_);
    }

    std::string text;
    const std::size_t head_taken = append_text(text, head, half_, true);
    if (tail.empty()) tail = head.substr(head_taken);

    // Into the tail: to the beginning of a character, and on until its text fits.
    std::size_t skipped = 0;
    while (skipped < 3 && skipped < tail.size() && is_continuation(tail[skipped])) ++skipped;
    tail.remove_prefix(skipped);
    std::size_t size = text_size(tail);
    while (size > half_) {
        const Piece piece = first_piece(tail);
        size -= piece.text_size();
        tail.remove_prefix(piece.length);
    }
    const std::int64_t left_out = total_ - static_cast<std::int64_t>(head_taken + tail.size());
    text += fmt::format("\n[… {} bytes left out …]\n", left_out);
    append_text(text, tail, half_, false);
    return text;
}

}  // namespace peercron
