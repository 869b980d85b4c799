#pragma once

#include <sys/resource.h>

#include <cstddef>
#include <optional>

namespace peercron {

/// Raises this process's limit of open descriptors to the hard limit. Returns the old limit if it
/// was different: commands get it back, because programs that use select(2) must not have
/// descriptors above 1,023, and some programs close all possible descriptors.
std::optional<rlimit> raise_descriptor_limit();

/// Makes every descriptor of this process above 2 close-on-exec: its commands must not inherit
/// those that it was started with.
void keep_descriptors_from_commands();

/// How many descriptors this process may have open.
std::size_t descriptor_limit();

/// How much of a limit runs may use.
struct RunShare {
    std::size_t slots;         ///< two descriptors each while the command runs
    std::size_t left_outputs;  ///< see OutputDrain; one each
    std::size_t requests = 0;  ///< one each
};

/// As much as requested, but leaving what the rest of a node needs (its store, its journal, other
/// nodes) and a quarter of all for connections of the API. There is always one slot.
RunShare share_of_runs(RunShare wanted, std::size_t limit);

}  // namespace peercron
