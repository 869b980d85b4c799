#pragma once

#include "exec/start_program.hpp"
#include "model/reason.hpp"

#include <string>
#include <system_error>
#include <utility>

namespace peercron {

/// Why there is no process.
struct SpawnFailure {
    std::string message;
    bool is_shortage = false;   ///< it may work later, see is_shortage() of start_program.hpp
    Cause cause = Cause::none;  ///< refused, or node_isolated: another node may have the run by now
};

/// The node cannot give a command what its job asks for: `what` says at which file or call `error`
/// (errno) came.
inline SpawnFailure cannot_give(std::string what, int error)
{
    what += ": " + std::generic_category().message(error);
    if (is_shortage(error)) return {std::move(what), true, Cause::none};
    return {std::move(what), false, Cause::refused};
}

}  // namespace peercron
