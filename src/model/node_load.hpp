#pragma once

#include "model/run.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace peercron {

/// How a node is, as the dispatcher knows it.
struct NodeLoad {
    NodeName node;
    std::string version;
    std::uint32_t slots = 0;
    std::uint32_t running = 0;
    std::uint32_t held = 0;    ///< handed out, not yet due
    std::uint32_t queued = 0;  ///< due, waiting for a slot
    bool draining = false;
    bool connected = true;
    std::chrono::milliseconds clock_offset{0};  ///< the node's clock minus the dispatcher's, …
    bool clock_known = false;                   ///< … which has been measured, or told by another
    friend bool operator==(const NodeLoad&, const NodeLoad&) = default;
};

}  // namespace peercron
