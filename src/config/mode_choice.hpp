#pragma once

#include "config/config.hpp"

namespace peercron {

/// Says which mode it is, and why, where `mode` is not set: who says where Consul or the database
/// server is, or has the cluster's secret, wants a cluster. A secret in a variable says nothing: it
/// may be there for another command; neither does one that is "".
void choose_mode(Config& config);

}  // namespace peercron
