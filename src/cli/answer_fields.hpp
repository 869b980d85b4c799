#pragma once

#include "base/clock.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// Reads one JSON object of an answer by the names of its members. A member that is missing, or has
/// another type, counts as empty: an older node may not know it yet.
///
/// Refers to the value, which must outlive it.
class AnswerFields {
public:
    explicit AnswerFields(const boost::json::value& value) : object_(value.if_object()) {}

    std::string text(std::string_view name) const;
    std::optional<std::int64_t> number(std::string_view name) const;
    std::int64_t number_or(std::string_view name, std::int64_t otherwise) const;
    std::optional<double> real(std::string_view name) const;
    bool flag(std::string_view name) const;

    /// A moment given in Unix milliseconds.
    std::optional<WallTime> millis(std::string_view name) const;

    /// The number as text, "" for none.
    std::string number_text(std::string_view name) const;

    /// nullopt: there is no such object.
    std::optional<AnswerFields> object(std::string_view name) const;

    /// The elements of a list; none when there is no such list.
    const boost::json::array& list(std::string_view name) const;

    /// Those of them that are texts.
    std::vector<std::string> texts(std::string_view name) const;
    /// The same as "a, b".
    std::string joined_texts(std::string_view name, std::string_view separator = ", ") const;

private:
    const boost::json::value* find(std::string_view name) const;

    const boost::json::object* object_;
};

/// The rows of an answer that is either a list or a page of one ({"list": […], "total": n}).
const boost::json::array& rows_of(const boost::json::value& data);

}  // namespace peercron
