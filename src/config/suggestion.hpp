#pragma once

#include <string>
#include <vector>

namespace peercron {

/// What was probably meant by the unknown key `name`, as the end of a message; "" when nothing of
/// `known` is near. Keys are written with their table: "dispatch.lookahead".
std::string suggestion(const std::string& name, const std::vector<std::string>& known);

}  // namespace peercron
