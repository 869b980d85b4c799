#pragma once

#include <string>
#include <string_view>

namespace peercron {

/// What becomes of line breaks and tabs.
enum class Breaks {
    keep,
    to_spaces,
    indent,  ///< a line break stays, and the next line is indented
};

/// A text that somebody else wrote, harmless to a terminal and to the eyes: control characters
/// (escape sequences begin with one) become "^[" and the like; those of C1, and characters that
/// are not seen and turn the text around (Unicode UAX #9), join or break it, become "<U+202E>". A
/// carriage return before a line break is left out. Bytes that are no UTF-8 stay; but those of
/// 0x80 to 0x9F, which some terminals take for C1, become "<9B>".
///
/// For logs, tables and terminals; what is stored and sent as JSON stays what it is.
std::string visible_text(std::string_view text, Breaks breaks);

/// Whether visible_text() has another text for this character.
bool is_made_visible(char32_t character);

}  // namespace peercron
