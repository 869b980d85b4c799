#include "model/run_request.hpp"

#include "base/utf8.hpp"
#include "model/backfill.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <set>

namespace peercron {
namespace {

namespace json = boost::json;

constexpr std::string_view before_parent = ", ";
constexpr std::string_view alone_mark = " (without its chain)";
constexpr std::string_view retry_mark = " (retry)";

/// A declared input.
struct Input {
    std::string_view name;
    std::vector<std::string_view> choices;  // none: any value
    std::string_view usual;                 // the value when nothing is given
};

Input parse_input(std::string_view text)
{
    const std::size_t end = std::min(text.find_first_of("=:"), text.size());
    Input input{text.substr(0, end), {}, text.substr(std::min(end + 1, text.size()))};
    if (end == text.size() || text[end] == '=') return input;
    std::string_view rest = input.usual;
    for (;;) {
        const std::size_t bar = rest.find('|');
        input.choices.push_back(rest.substr(0, bar));
        if (bar == std::string_view::npos) break;
        rest.remove_prefix(bar + 1);
    }
    input.usual = input.choices.front();
    return input;
}

std::string_view input_name(std::string_view assignment)
{
    return assignment.substr(0, assignment.find('='));
}

std::string_view input_value(std::string_view assignment)
{
    return assignment.substr(std::min(input_name(assignment).size() + 1, assignment.size()));
}

std::string names_of(std::span<const std::string> declared)
{
    std::string names;
    for (const std::string& text : declared) {
        names += names.empty() ? "" : ", ";
        names += parse_input(text).name;
    }
    return names;
}

/// The inputs of a text that is a JSON object of texts.
std::optional<std::vector<std::string>> parse_inputs(std::string_view text)
{
    boost::system::error_code error;
    const json::value parsed = json::parse({text.data(), text.size()}, error);
    if (error || !parsed.is_object()) return std::nullopt;
    std::vector<std::string> inputs;
    for (const auto& [name, value] : parsed.get_object()) {
        if (!value.is_string()) return std::nullopt;
        const json::string& given = value.get_string();
        inputs.push_back(fmt::format("{}={}", std::string_view(name.data(), name.size()),
                                     std::string_view(given.data(), given.size())));
    }
    return inputs;
}

/// Says whether the text ended with the mark.
bool take_mark(std::string_view& text, std::string_view mark)
{
    const bool has_it = text.ends_with(mark);
    if (has_it) text.remove_suffix(mark.size());
    return has_it;
}

}  // namespace

std::string to_string(const RunRequest& request)
{
    std::string text = request.by;
    if (request.is_retry) text += retry_mark;
    if (request.parent) {
        text += text.empty() ? "" : before_parent;
        text += to_string(*request.parent);
    }
    if (request.rehearsal) text += rehearsal_mark;
    if (request.without_chain) text += alone_mark;
    if (request.inputs.empty()) return text;
    json::object inputs;
    for (const std::string& input : request.inputs) {
        const std::string_view name = input_name(input);
        const std::string_view value = input_value(input);
        inputs[json::string_view(name.data(), name.size())] =
            json::string_view(value.data(), value.size());
    }
    return text + " " + json::serialize(inputs);
}

RunRequest parse_request(std::string_view text)
{
    RunRequest request;
    if (text.ends_with('}')) {
        constexpr std::string_view begin = " {";
        for (std::size_t at = text.find(begin); at != std::string_view::npos;
             at = text.find(begin, at + 1)) {
            auto inputs = parse_inputs(text.substr(at + 1));
            if (!inputs) continue;
            request.inputs = *std::move(inputs);
            text = text.substr(0, at);
            break;
        }
    }
    request.without_chain = take_mark(text, alone_mark);
    request.rehearsal = take_mark(text, rehearsal_mark);
    request.parent = parse_parent_end(text);
    if (request.parent) return request;
    // A name of a parent has no comma.
    const std::size_t comma = text.rfind(", after ");
    if (comma != std::string_view::npos) {
        request.parent = parse_parent_end(text.substr(comma + before_parent.size()));
    }
    if (request.parent) text = text.substr(0, comma);
    request.is_retry = take_mark(text, retry_mark);
    request.by = text;
    return request;
}

bool is_of_person(std::string_view requested_by)
{
    return !requested_by.empty() && !parse_request(requested_by).by.empty();
}

bool is_rehearsal(std::string_view requested_by)
{
    // Nearly all have no such mark.
    return requested_by.find(rehearsal_mark) != std::string_view::npos &&
           parse_request(requested_by).rehearsal;
}

std::string request_of_retry(std::string_view requested_by)
{
    RunRequest request = parse_request(requested_by);
    // A backfill knows its runs by the text.
    request.is_retry = !request.by.empty() && !is_of_backfill(requested_by);
    std::string text = to_string(request);
    const bool fits = text.size() <= longest_request;
    return fits ? text : std::string(requested_by);
}

std::optional<std::string> find_input_problem(std::span<const std::string> declared,
                                              std::span<const std::string> given)
{
    std::set<std::string_view> seen;
    for (const std::string& one : given) {
        const std::string_view name = input_name(one);
        const auto is_it = [name](const std::string& text) {
            return parse_input(text).name == name;
        };
        const auto found = std::ranges::find_if(declared, is_it);
        if (found == declared.end()) {
            return fmt::format("given {}; {}", quote_utf8(one),
                               declared.empty() ? "the job has no inputs"
                                                : "NAME=value is allowed, where NAME is one of " +
                                                      names_of(declared));
        }
        if (one.find('=') == std::string::npos) {
            return fmt::format("given {}; {}=value is allowed", quote_utf8(one), name);
        }
        if (!seen.insert(name).second) return fmt::format("{} is given twice", name);
        const Input input = parse_input(*found);
        const std::string_view value = input_value(one);
        if (value.find_first_of("\r\n") != std::string_view::npos) {
            return fmt::format("given {}; a value on one line is allowed", quote_utf8(one));
        }
        if (!input.choices.empty() &&
            std::ranges::find(input.choices, value) == input.choices.end()) {
            return fmt::format("given {}; one of {} is allowed for {}", quote_utf8(value),
                               fmt::join(input.choices, ", "), name);
        }
    }
    return std::nullopt;
}

std::vector<std::string> input_variables(std::span<const std::string> declared,
                                         std::span<const std::string> given)
{
    std::vector<std::string> variables;
    for (const std::string& text : declared) {
        const Input input = parse_input(text);
        std::string_view value = input.usual;
        for (const std::string& one : given) {
            const bool is_it = input_name(one) == input.name;
            if (is_it && !find_input_problem({&text, 1}, {&one, 1})) value = input_value(one);
        }
        variables.push_back(fmt::format("PEERCRON_INPUT_{}={}", input.name, value));
    }
    return variables;
}

}  // namespace peercron
