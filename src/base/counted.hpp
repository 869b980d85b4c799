#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace peercron {

/// "1 job has", "2 jobs have".
std::string counted(std::int64_t count, std::string_view one, std::string_view many);

/// "1 job", "2 jobs".
std::string counted(std::int64_t count, std::string_view noun);

}  // namespace peercron
