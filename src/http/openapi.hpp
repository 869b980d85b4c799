#pragma once

#include <string_view>

namespace peercron {

/// The OpenAPI 3.1 description of the API: the content of openapi.json. A test holds it true.
std::string_view openapi();

}  // namespace peercron
