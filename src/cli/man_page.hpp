#pragma once

#include "cli/command_tree.hpp"

#include <string>
#include <string_view>

namespace peercron {

/// The manual page peercron(1) in the man macros of groff (man(7)): every command and option from
/// the tree, with hand-written sections around them.
std::string man_page(const CommandInfo& root, std::string_view version);

/// Text as roff input that prints exactly these characters.
std::string roff_escaped(std::string_view text);

}  // namespace peercron
