#pragma once

#include <cstdlib>
#include <string>

namespace peercron {

/// The variable's value; empty also when it is not set.
inline std::string environment_variable(const char* name)
{
    const char* const value = std::getenv(name);
    return value != nullptr ? value : "";
}

}  // namespace peercron
