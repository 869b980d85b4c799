#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace peercron {

/// What a variable of the environment has; "" when it is not set.
using VariableOf = std::function<std::string(const char* name)>;

/// Where the node of a user listens for callers of its own machine unless told otherwise:
/// /run/peercron/peercron.sock for root, else below $XDG_RUNTIME_DIR, else below $HOME. Empty:
/// there is no place. A service manager's $RUNTIME_DIRECTORY comes first, for the node.
std::filesystem::path socket_place(uid_t user, const VariableOf& variable);

/// Where a command of this user looks for a node, in this order: that of the user, then that of the
/// machine.
std::vector<std::filesystem::path> socket_places(uid_t user, const VariableOf& variable);

}  // namespace peercron
