#pragma once

#include <boost/json/object.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

// What a provider says is a JSON object whose members are claims (RFC 7519, 4).

/// nullopt: the text is no JSON object.
std::optional<boost::json::object> parse_object(std::string_view text);

/// A claim that is a text; nullopt: it is not there, or something else.
std::optional<std::string> text_claim(const boost::json::object& claims, std::string_view name);

/// A claim that is a list of texts, or one text; what is no text is left out. nullopt: it is not
/// there.
std::optional<std::vector<std::string>> list_claim(const boost::json::object& claims,
                                                   std::string_view name);

/// A moment in Unix seconds, maybe with a fraction (RFC 7519, 2: NumericDate); nullopt: it is not
/// there, or something else.
std::optional<std::chrono::sys_seconds> time_claim(const boost::json::object& claims,
                                                   std::string_view name);

}  // namespace peercron
