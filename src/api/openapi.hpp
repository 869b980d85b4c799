#pragma once

#include <string_view>

namespace peercron {

/// The OpenAPI 3.1 description of the API. A test holds it true. May throw std::bad_alloc when it
/// is called for the first time.
std::string_view openapi();

/// The same without bodies that are forms, for programs that cannot tell bodies of two kinds apart.
std::string_view openapi_without_forms();

/// The content of openapi.json: the same without what is listed elsewhere. openapi() adds the
/// fields of a job (model/job_fields.hpp) to the schemas Definition and JobFields and to the
/// examples, and the causes (model/reason.hpp) as the schema Cause.
std::string_view openapi_text();

}  // namespace peercron
