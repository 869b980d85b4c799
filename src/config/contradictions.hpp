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

/// What no single value shows: settings that cannot go together, and ports that would be open to
/// everybody without anybody having said so.
std::vector<Contradiction> contradictions(const Config& config);

}  // namespace peercron
