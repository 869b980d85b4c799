#pragma once

#include <string>
#include <string_view>

namespace peercron {

/// What happens to line breaks and tabs.
enum class Breaks {
    keep,
    to_spaces,
    indent,  ///< a line break stays, and the next line is indented
};

/// A foreign text, made harmless to terminals and readers: control characters (escape sequences
/// begin with one) become "^[" and the like; those of C1, and invisible characters that reverse the
/// text (Unicode UAX #9), join or break it, become "<U+202E>". A carriage return before a line
/// break is left out. Bytes that are not UTF-8 stay, but 0x80 to 0x9F, which some terminals take
/// for C1, become "<9B>".
///
/// For logs, tables and terminals; stored texts and JSON are not changed.
std::string visible_text(std::string_view text, Breaks breaks);

/// Whether visible_text() has another text for this character.
bool is_made_visible(char32_t character);

}  // namespace peercron
