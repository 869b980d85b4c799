#pragma once

#include <string>
#include <string_view>

namespace peercron {

/// config/peercron.service, as it lies in the repository: for a program in /usr/bin.
std::string_view packaged_service_unit();

/// The same for a program at this place. Pure.
std::string service_unit(std::string_view program);

}  // namespace peercron
