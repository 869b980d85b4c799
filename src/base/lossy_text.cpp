#include "base/lossy_text.hpp"

#include <algorithm>

namespace peercron {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

bool in_range(unsigned char byte, unsigned low, unsigned high)
{
    return byte >= low && byte <= high;
}

/// How many bytes at the front are ASCII other than NUL: nearly all output is nothing else.
std::size_t plain_prefix(std::string_view bytes)
{
    const auto is_special = [](char c) { return static_cast<signed char>(c) <= 0; };
    const auto end = std::ranges::find_if(bytes, is_special);
    return static_cast<std::size_t>(end - bytes.begin());
}

}  // namespace

std::size_t LossyPiece::text_size() const
{
    return is_valid ? length : replacement.size();
}

/// Unicode 15, table 3-7.
LossyPiece first_lossy_piece(std::string_view bytes)
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

std::size_t lossy_size(std::string_view bytes)
{
    std::size_t size = 0;
    while (!bytes.empty()) {
        const std::size_t plain = plain_prefix(bytes);
        size += plain;
        bytes.remove_prefix(plain);
        if (bytes.empty()) break;
        const LossyPiece piece = first_lossy_piece(bytes);
        size += piece.text_size();
        bytes.remove_prefix(piece.length);
    }
    return size;
}

std::size_t append_lossy(std::string& text, std::string_view bytes, std::size_t limit,
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
        const LossyPiece piece = first_lossy_piece(bytes.substr(taken));
        if (piece.text_size() > limit || (piece.is_unfinished && may_go_on)) break;
        text.append(piece.is_valid ? bytes.substr(taken, piece.length) : replacement);
        taken += piece.length;
        limit -= piece.text_size();
    }
    return taken;
}

}  // namespace peercron
