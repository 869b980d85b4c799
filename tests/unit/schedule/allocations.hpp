#pragma once

#include <cstddef>

namespace peercron {

/// How often this thread has called operator new. The test program replaces it.
std::size_t allocations();

}  // namespace peercron
