#pragma once

#include <sys/resource.h>

#include <cstddef>
#include <optional>

namespace peercron {

/// Raises this process's limit of open descriptors to the hard one. Returns what it was before when
/// that was another: commands get it back, because a program that uses select(2) must not have
/// descriptors above 1,023, and some close all that there might be.
std::optional<rlimit> raise_descriptor_limit();

/// Makes every descriptor above 2 that this process has close-on-exec: what it was started with is
/// not for its commands.
void keep_descriptors_from_commands();

/// How many descriptors this process may have open.
std::size_t descriptor_limit();

/// What runs may take of a limit.
struct RunShare {
    std::size_t slots;         ///< two descriptors each while the command runs
    std::size_t left_outputs;  ///< see OutputDrain; one each
};

/// As much as is wanted, as long as it leaves what the rest of a node needs (its store, its
/// journal, other nodes) and a quarter of all for connections of the API. There is always one slot.
RunShare share_of_runs(RunShare wanted, std::size_t limit);

}  // namespace peercron
