#include "http/params.hpp"

#include "base/percent.hpp"
#include "base/utf8.hpp"
#include "http/text.hpp"
#include "http/time_text.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/serialize.hpp>
#include <boost/json/stream_parser.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace peercron {
namespace {

/// "application/json" of "application/json; charset=utf-8".
std::string_view media_type(const http::request<http::string_body>& message)
{
    const auto value = message[http::field::content_type];
    const std::string_view text(value.data(), value.size());
    return trim(text.substr(0, text.find(';')));
}

/// "line 2, column 5" of the byte at `offset`.
std::string position(std::string_view text, std::size_t offset)
{
    const std::string_view before = text.substr(0, offset);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const auto line_start = before.rfind('\n');
    const std::size_t column =
        line_start == std::string_view::npos ? offset + 1 : offset - line_start;
    return fmt::format("line {}, column {}", line, column);
}

boost::json::object parse_json(std::string_view body)
{
    boost::json::stream_parser parser;
    boost::system::error_code bad;
    const std::size_t used = parser.write_some(body.data(), body.size(), bad);
    if (bad)
        refuse(fmt::format("body: invalid JSON at {}: {}", position(body, used), bad.message()));
    parser.finish(bad);
    if (bad) refuse("body: the JSON ends too early, at " + position(body, body.size()));
    const auto extra = body.find_first_not_of(" \t\r\n", used);
    if (extra != std::string_view::npos) {
        refuse(fmt::format("body: more text after the JSON, at {}: {}", position(body, extra),
                           quote_utf8(body.substr(extra))));
    }
    boost::json::value value = parser.release();
    if (!value.is_object()) {
        refuse("body: a JSON object is expected, such as {\"id\":1,\"stop\":true}");
    }
    return std::move(value.as_object());
}

/// Whether it is a whole number, of those that a double has without gaps.
bool is_whole(double number)
{
    constexpr double most = 9'007'199'254'740'992.0;  // 2^53
    return std::abs(number) <= most && std::trunc(number) == number;
}

/// As a form would have it; nullopt: it is none. 7.0 is a whole number, too (JSON Schema, 4.2.3 of
/// its core).
std::optional<std::string> whole_number(const boost::json::value& value)
{
    const double* const fraction = value.if_double();
    if (fraction != nullptr && is_whole(*fraction)) {
        return std::to_string(static_cast<std::int64_t>(*fraction));
    }
    if (value.is_int64() || value.is_uint64()) return boost::json::serialize(value);
    return std::nullopt;
}

bool is_list(const Param& param)
{
    return param.type == ParamType::words || param.type == ParamType::lines ||
           param.type == ParamType::numbers;
}

/// What stands between the texts of a list in a form.
char separator_of(const Param& param)
{
    return param.type == ParamType::lines ? '\n' : ',';
}

/// The texts of a list as a form would have them.
std::string join(const Param& param, const boost::json::array& texts)
{
    const char separator = separator_of(param);
    std::string joined;
    for (const boost::json::value& one : texts) {
        const auto number = param.type == ParamType::numbers ? whole_number(one) : std::nullopt;
        if (number) {
            joined += fmt::format("{}{}", joined.empty() ? "" : ",", *number);
            continue;
        }
        const auto* const text = one.if_string();
        if (text == nullptr || text->find(separator) != boost::json::string::npos) {
            refuse(fmt::format("{}: given {}; a text without {} is allowed in the list", param.name,
                               quote_utf8(boost::json::serialize(one)),
                               separator == ',' ? "commas" : "line breaks"));
        }
        if (!joined.empty()) joined += separator;
        joined.append(text->data(), text->size());
    }
    return joined;
}

/// The value as a form would have it; nullopt for null.
std::optional<std::string> as_form_value(const Param& param, const boost::json::value& value)
{
    if (value.is_null()) return std::nullopt;
    if (const auto* text = value.if_string()) return std::string(text->data(), text->size());
    if (is_list(param) && value.is_array()) return join(param, value.as_array());
    const bool is_text =
        param.type == ParamType::text || (is_list(param) && param.type != ParamType::numbers);
    const auto number = is_text ? std::nullopt : whole_number(value);
    if (number) return number;
    const bool scalar = value.is_bool() || value.is_number();
    if (scalar && !is_text) return boost::json::serialize(value);
    const std::string given = quote_utf8(boost::json::serialize(value));
    if (param.type == ParamType::text) {
        refuse(fmt::format("{}: given {}; a text in quotes is allowed", param.name, given));
    }
    if (is_list(param)) {
        refuse(fmt::format("{}: given {}; a list of texts, or one text with {}, is allowed",
                           param.name, given,
                           separator_of(param) == ',' ? "commas" : "line breaks"));
    }
    refuse(fmt::format("{}: given {}; one value is allowed, not a list or an object", param.name,
                       given));
}

std::string names_of(std::span<const Param> table)
{
    std::string names;
    for (const Param& param : table) {
        if (!names.empty()) names += ", ";
        names += param.name;
    }
    return names.empty() ? "none" : names;
}

}  // namespace

Params Params::read(const Request& request, std::string_view query, std::span<const Param> table,
                    Strictness strictness)
{
    Params params(table, strictness);
    params.values_ = params.read_body(request.message);
    Values from_query = params.read_form(query, "query string");
    for (const Param& param : table) {
        if (!param.is_secret || !from_query.contains(param.name)) continue;
        refuse(fmt::format("{}: given in the URL, which proxies and logs keep; send it in the body",
                           param.name));
    }
    params.values_.merge(from_query);  // keeps what is there: the body wins
    for (const Param& param : table) {
        if (param.required && !params.values_.contains(param.name)) {
            refuse(fmt::format("{}: missing; this call needs it", param.name));
        }
    }
    return params;
}

std::optional<std::string> Params::text(std::string_view name) const
{
    const std::string* given = find(name);
    if (given == nullptr) return std::nullopt;
    return *given;
}

std::optional<std::int64_t> Params::integer(std::string_view name, std::int64_t least,
                                            std::int64_t most) const
{
    const std::string* given = find(name);
    if (given == nullptr) return std::nullopt;
    std::int64_t number = 0;
    const char* const end = given->data() + given->size();
    const auto [stop, bad] = std::from_chars(given->data(), end, number);
    if (bad != std::errc() || stop != end || number < least || number > most) {
        refuse(fmt::format("{}: given {}; a whole number from {} to {} is allowed", name,
                           quote_utf8(*given), least, most));
    }
    return number;
}

std::optional<bool> Params::boolean(std::string_view name) const
{
    const std::string* given = find(name);
    if (given == nullptr) return std::nullopt;
    if (*given == "1" || *given == "true") return true;
    if (*given == "0" || *given == "false") return false;
    refuse(fmt::format("{}: given {}; 0, 1, true or false is allowed", name, quote_utf8(*given)));
}

std::optional<WallTime> Params::time(std::string_view name) const
{
    const std::string* given = find(name);
    if (given == nullptr) return std::nullopt;
    const auto moment = parse_time(*given);
    if (!moment) {
        refuse(
            fmt::format("{}: given {}; Unix seconds (1763683200) or RFC 3339 "
                        "(2026-11-21T08:00:00+01:00) are allowed",
                        name, quote_utf8(*given)));
    }
    return moment;
}

Params::Values Params::read_body(const http::request<http::string_body>& message) const
{
    const std::string& body = message.body();
    if (body.empty()) return {};
    if (message.count(http::field::content_encoding) != 0) {
        throw HttpError(http::status::unsupported_media_type,
                        "body: Content-Encoding is not supported; send it plain");
    }
    const std::string_view type = media_type(message);
    if (equal_ignoring_case(type, "application/x-www-form-urlencoded")) {
        return read_form(body, "body");
    }
    if (equal_ignoring_case(type, "application/json")) return read_json(body);
    throw HttpError(http::status::unsupported_media_type,
                    fmt::format("Content-Type: given {}; application/x-www-form-urlencoded or "
                                "application/json is allowed",
                                quote_utf8(type)));
}

Params::Values Params::read_form(std::string_view form, std::string_view where) const
{
    Values values;
    while (!form.empty()) {
        const auto end = form.find('&');
        const std::string_view pair = form.substr(0, end);
        form = end == std::string_view::npos ? std::string_view() : form.substr(end + 1);
        if (pair.empty()) continue;
        const auto equals = pair.find('=');
        const auto name = decode_form(pair.substr(0, equals));
        const std::string_view encoded =
            equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
        auto value = decode_form(encoded);
        if (!name || !value) {
            refuse(
                fmt::format("{}: {} has a '%' that two hexadecimal digits do not follow; send a "
                            "plain '%' as %25",
                            where, quote_utf8(pair)));
        }
        take(values, *name, *std::move(value), where);
    }
    return values;
}

Params::Values Params::read_json(std::string_view body) const
{
    Values values;
    const boost::json::object object = parse_json(body);
    for (const auto& [key, value] : object) {
        const std::string_view name(key.data(), key.size());
        const Param* const param = declared(name);
        if (param == nullptr) {
            take(values, name, {}, "body");
        } else if (auto text = as_form_value(*param, value)) {
            take(values, name, *std::move(text), "body");
        }
    }
    return values;
}

void Params::take(Values& values, std::string_view name, std::string value,
                  std::string_view where) const
{
    const Param* const param = declared(name);
    if (param == nullptr) {
        if (strictness_ == Strictness::lenient) return;
        refuse(fmt::format("{}: there is no parameter {}; allowed: {}", where, quote_utf8(name),
                           names_of(table_)));
    }
    if (!is_utf8(value)) refuse(fmt::format("{}: {} is not UTF-8", param->name, quote_utf8(value)));
    if (value.find('\0') != std::string::npos) {
        refuse(
            fmt::format("{}: {} has a NUL, which is not allowed", param->name, quote_utf8(value)));
    }
    if (value.empty() && strictness_ == Strictness::lenient) return;
    const auto [there, is_new] = values.try_emplace(param->name, value);
    if (!is_new && is_list(*param)) {
        there->second += separator_of(*param) + value;
    } else if (!is_new) {
        refuse(fmt::format("{}: given twice in the {} (send an '&' inside a value as %26)",
                           param->name, where));
    }
}

const Param* Params::declared(std::string_view name) const
{
    const auto is_it = [name](const Param& param) {
        return param.name == name || (!param.alias.empty() && param.alias == name);
    };
    const auto found = std::find_if(table_.begin(), table_.end(), is_it);
    return found == table_.end() ? nullptr : &*found;
}

const std::string* Params::find(std::string_view name) const
{
    if (declared(name) == nullptr) {
        throw std::logic_error("the route's table lacks the parameter " + std::string(name));
    }
    const auto found = values_.find(name);
    return found == values_.end() ? nullptr : &found->second;
}

}  // namespace peercron
