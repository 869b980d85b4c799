#pragma once

#include "model/run.hpp"

#include <cstdint>

namespace peercron {

/// The part as which a run counts in its job's limit of runs at a time, which holds for each part
/// by itself. Parts that belong to nodes are all of one, whatever their numbers are: these change
/// with the nodes that there are.
inline std::int32_t counted_part(const RunId& id)
{
    return id.node.empty() ? id.part : 0;
}

}  // namespace peercron
