#pragma once

#include <string_view>

namespace peercron {

/// Tells systemd how the service is ("READY=1", "STOPPING=1", "STATUS=…"), when it was started by
/// systemd; does nothing otherwise. Source: sd_notify(3), the protocol is part of its interface.
void notify_service_manager(std::string_view state);

}  // namespace peercron
