#pragma once

#include "config/config.hpp"

#include <string>
#include <vector>

namespace peercron {

/// Something that is wrong with a key's value because of what other keys say.
struct Contradiction {
    std::string key;
    std::string message;
};

/// Mistakes that no single value shows: settings that contradict each other, and ports that would
/// be open to everybody without an explicit setting.
std::vector<Contradiction> contradictions(const Config& config);

}  // namespace peercron
