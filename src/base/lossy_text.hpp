#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace peercron {

// Bytes that are mostly text, as text that every store and client takes: valid UTF-8 without NUL.
// Each maximal ill-formed part, and each NUL, becomes U+FFFD.
//
// Source: Unicode 15, 3.9, "U+FFFD Substitution of Maximal Subparts".

/// A piece of the bytes that becomes one character.
struct LossyPiece {
    std::size_t length = 1;
    bool is_valid = false;
    bool is_unfinished = false;  ///< a good beginning, but the bytes end here

    std::size_t text_size() const;
};

/// The piece at the front of `bytes`, which are not empty.
LossyPiece first_lossy_piece(std::string_view bytes);

/// How many bytes the text of `bytes` has.
std::size_t lossy_size(std::string_view bytes);

/// Appends the text of `bytes` to `text`, but not more than `limit` bytes of it. Returns how many
/// of `bytes` were taken. An unfinished character at the end is not taken when `may_go_on`.
std::size_t append_lossy(std::string& text, std::string_view bytes, std::size_t limit,
                         bool may_go_on);

}  // namespace peercron
