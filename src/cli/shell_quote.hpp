#pragma once

#include <span>
#include <string>
#include <string_view>

namespace peercron {

/// One word for a POSIX shell that stands for exactly these characters; quoted only when needed.
std::string shell_quote(std::string_view word);

/// The words as one command line, so that a shell splits it into the same words again.
std::string shell_join(std::span<const std::string> words);

}  // namespace peercron
