#include "cli/service_unit.hpp"

namespace peercron {

std::string service_unit(std::string_view program)
{
    constexpr std::string_view packaged = "/usr/bin/peercron";
    std::string unit(packaged_service_unit());
    std::size_t found = unit.find(packaged);
    while (found != std::string::npos) {
        unit.replace(found, packaged.size(), program);
        found = unit.find(packaged, found + program.size());
    }
    return unit;
}

}  // namespace peercron
