#pragma once

#include "base/clock.hpp"
#include "http/message.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace peercron {

enum class ParamType : std::uint8_t {
    text,
    amount,  ///< a whole number or a text: a number with a unit, or a word
    integer,
    boolean,  ///< 0, 1, true or false
    words,    ///< a list of texts without commas: with commas between, given again, or a JSON list
    lines,    ///< the same of texts without line breaks, with line breaks between
    numbers,  ///< the same of whole numbers, with commas between
    time,     ///< Unix seconds, or RFC 3339 as "2026-11-21T08:00:00+01:00"
};

/// One parameter that a call takes.
struct Param {
    std::string_view name;
    std::string_view alias = {};  ///< another name for the same
    ParamType type = ParamType::text;
    bool required = false;
    bool is_secret = false;  ///< refused in the query string: URLs end up in logs
};

/// What to do with what was not asked for.
enum class Strictness : std::uint8_t {
    lenient,  ///< unknown names are ignored, an empty value is as if not given (lists)
    strict,   ///< unknown names are refused: it may be a typo, and something would be changed
};

/// The parameters of one request, from its body (form or JSON) and its query string; the body's
/// win. All texts are UTF-8 without NUL.
///
/// A name given twice in one source is refused unless it is a list, but in JSON the last one wins,
/// as with every parser. JSON's null is as if not given. Numbers and truths may come as JSON's own
/// or as text.
class Params {
public:
    /// @param table what the call takes; must outlive the result.
    /// @throws HttpError 400 or 415.
    static Params read(const Request& request, std::string_view query, std::span<const Param> table,
                       Strictness strictness);

    // All get a name of the table and return nullopt when it was not given. Those that convert
    // throw HttpError 400, which names the parameter, what was given and what is allowed.
    std::optional<std::string> text(std::string_view name) const;
    std::optional<std::int64_t> integer(std::string_view name, std::int64_t least,
                                        std::int64_t most) const;
    std::optional<bool> boolean(std::string_view name) const;
    std::optional<WallTime> time(std::string_view name) const;

    /// How many were given.
    std::size_t size() const { return values_.size(); }

private:
    using Values = std::map<std::string_view, std::string>;  // by Param::name

    Params(std::span<const Param> table, Strictness strictness)
        : table_(table), strictness_(strictness)
    {}

    Values read_body(const http::request<http::string_body>& message) const;
    Values read_form(std::string_view form, std::string_view where) const;
    Values read_json(std::string_view body) const;
    void take(Values& values, std::string_view name, std::string value,
              std::string_view where) const;
    const Param* declared(std::string_view name) const;
    const std::string* find(std::string_view name) const;

    std::span<const Param> table_;
    Strictness strictness_;
    Values values_;
};

}  // namespace peercron
