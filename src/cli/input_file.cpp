#include "cli/input_file.hpp"

#include "cli/exit_status.hpp"

#include <spdlog/fmt/fmt.h>

#include <cerrno>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <system_error>
#include <utility>

namespace peercron {

std::string read_input(const std::string& file)
{
    if (file == "-") return {std::istreambuf_iterator<char>(std::cin), {}};
    errno = 0;
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    // Of a folder only the reading fails; an empty file gives nothing, which is no failure.
    if (in.is_open() && in.peek() != std::ifstream::traits_type::eof()) text << in.rdbuf();
    if (!in.is_open() || in.bad() || errno != 0) {
        throw Failure(ExitStatus::usage,
                      fmt::format("{} cannot be read: {}", file,
                                  std::generic_category().message(errno == 0 ? EIO : errno)));
    }
    return std::move(text).str();
}

}  // namespace peercron
