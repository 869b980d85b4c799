#pragma once

#include "cluster/coordinator.hpp"
#include "model/job.hpp"
#include "model/node_load.hpp"

#include <span>
#include <string>
#include <vector>

namespace peercron {

/// What a person who saves `job` should know of where it runs, a sentence each: that no node fits
/// its run_on now, or that none of those that fit has as many slots as it takes. Nodes of which
/// nothing is known yet are given the benefit of the doubt. Pure.
/// @param members the nodes that are registered, whether they pass or not.
/// @param loads what is known of their slots.
std::vector<std::string> where_warnings(const Job& job, std::span<const Member> members,
                                        std::span<const NodeLoad> loads);

}  // namespace peercron
