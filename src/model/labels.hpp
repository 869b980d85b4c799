#pragma once

#include "model/run.hpp"

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

// Nodes have labels (base/label_text.hpp), by which jobs say where they run (Job::run_on). A node
// has those of its configuration and, by themselves, host=NAME, address=HOST:PORT and address=HOST.
// Upper and lower case differ. All pure; any thread.

/// Whether it is a label, or one with ! before it.
bool is_run_on_term(std::string_view text);

using Labels = std::set<std::string, std::less<>>;

/// "host=db1"; nothing, when that is no label.
std::vector<std::string> host_labels(std::string_view host);

/// All that a node has.
/// @param told those that it tells: of its configuration, and its host's.
Labels labels_of(const NodeName& node, const std::vector<std::string>& told);

/// Whether a node may run a job: it has each label of `run_on`, and none of those with !.
bool may_run_on(const std::vector<std::string>& run_on, const Labels& labels);

/// The place of a node in the order in which a sticky job prefers nodes: of those that may run it
/// the one with the greatest. Rendezvous hashing: when a node goes, only its jobs move, and when it
/// is back so are they. Source: Thaler and Ravishankar, "Using name-based mappings to increase hit
/// rates", 1998. Every version of this program has to say the same.
std::uint64_t sticky_rank(JobId job, const NodeName& node);

}  // namespace peercron
