#pragma once

#include "store/store_pool.hpp"

#include <prometheus/registry.h>

#include <string>

namespace peercron {

/// Has the calls of `store` counted and timed among the node's metrics, under the name of what they
/// are for.
void measure(StorePool& store, const std::string& use, prometheus::Registry& metrics);

}  // namespace peercron
