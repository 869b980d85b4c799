#include "cli/input_file.hpp"

#include "cli/exit_status.hpp"

#include <spdlog/fmt/fmt.h>

#include <cerrno>
#include <fstream>
#include <iostream>
#include <iterator>
#include <system_error>

namespace peercron {

std::string read_input(const std::string& file)
{
    if (file == "-") return {std::istreambuf_iterator<char>(std::cin), {}};
    errno = 0;
    std::ifstream in(file, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (!in.is_open() || in.bad()) {
        throw Failure(ExitStatus::usage,
                      fmt::format("{} cannot be read: {}", file,
                                  std::generic_category().message(errno == 0 ? EIO : errno)));
    }
    return text;
}

}  // namespace peercron
