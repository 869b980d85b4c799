#include "api/openapi.hpp"

#include "base/overloaded.hpp"
#include "model/field_json.hpp"
#include "model/job_kinds.hpp"
#include "model/notice_channel.hpp"
#include "model/reason.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <span>
#include <string>
#include <variant>
#include <vector>

namespace peercron {

namespace json = boost::json;

namespace {

json::object text_schema(std::size_t most)
{
    return {{"type", "string"}, {"pattern", "^[^\\u0000]*$"}, {"maxLength", most}};
}

json::object number_schema(std::int64_t most)
{
    return {{"type", "integer"}, {"minimum", 0}, {"maximum", most}};
}

std::string text_of_words(const kind::Words& words)
{
    return fmt::format(
        R"(^([^\u0000-\u001f\u007f,]{{0,{0}}},){{0,{1}}}[^\u0000-\u001f\u007f,]{{0,{0}}}$)",
        words.characters, words.count - 1);
}

/// A list, in JSON or as one text.
json::object list_schema(json::object item, std::size_t most, json::object as_text)
{
    return {{"anyOf", json::array{json::object{{"type", "array"},
                                               {"items", std::move(item)},
                                               {"maxItems", most},
                                               {"description", "in JSON"}},
                                  std::move(as_text)}}};
}

/// Of texts of a form with a separator between.
std::string pattern_of_list(const TextForm& form, std::string_view separator)
{
    std::string_view item = form.pattern;
    item.remove_prefix(1);  // ^
    item.remove_suffix(1);  // $
    return fmt::format("^({0}({1}{0})*)?$", item, separator);
}

json::object words_schema(const kind::Words& words)
{
    json::object word{{"type", "string"},
                      {"minLength", 1},
                      {"maxLength", words.characters},
                      {"pattern", "^(?! )[^\\u0000-\\u001f\\u007f,]+(?<! )$"}};
    json::object text{{"type", "string"}, {"description", "with commas between"}};
    if (words.form == nullptr) {
        text["pattern"] = text_of_words(words);
    } else {
        word["pattern"] = words.form->pattern;
        word["examples"] = json::array{words.form->example};
        text["pattern"] = pattern_of_list(*words.form, ",");
    }
    return list_schema(std::move(word), words.count, std::move(text));
}

json::object lines_schema(const kind::Lines& lines)
{
    json::object line{{"type", "string"},
                      {"maxLength", lines.characters},
                      {"pattern", lines.form->pattern},
                      {"examples", json::array{lines.form->example}}};
    json::object text{{"type", "string"},
                      {"pattern", pattern_of_list(*lines.form, "\\n")},
                      {"description", "with line breaks between"}};
    return list_schema(std::move(line), lines.count, std::move(text));
}

json::array words_of(std::span<const std::string_view> words)
{
    return json::array(words.begin(), words.end());
}

/// What a parameter of /cron/add and /cron/update takes.
json::object parameter_schema(const JobField& field)
{
    json::object schema = std::visit(
        Overloaded{
            [](const kind::Expression& kind) {
                return json::object{{"type", "string"},
                                    {"format", "cron"},
                                    {"minLength", 1},
                                    {"maxLength", kind.characters}};
            },
            [](const kind::Zone&) {
                return json::object{{"type", "string"}, {"format", "time-zone"}};
            },
            [](const kind::Name& kind) {
                json::object name = text_schema(kind.characters);
                name["pattern"] = "^$|^(?![0-9]*$)(?! )[^\\u0000-\\u001f\\u007f]*(?<! )$";
                return name;
            },
            [](const kind::Command&) {
                return json::object{{"type", "string"},
                                    {"pattern", "^[^\\u0000]*[^\\u0000 \\t\\r\\n][^\\u0000]*$"}};
            },
            [](const kind::Text& kind) {
                json::object text = text_schema(kind.characters);
                if (kind.form != nullptr) {
                    text["pattern"] = kind.form->pattern;
                    text["examples"] = json::array{kind.form->example};
                }
                return text;
            },
            [](const kind::Body& kind) { return text_schema(kind.bytes / 4); },
            [](const kind::Words& kind) { return words_schema(kind); },
            [](const kind::Lines& kind) { return lines_schema(kind); },
            [](const kind::Flag&) {
                return json::object{{"$ref", "#/components/schemas/Flag"}};
            },
            [](const kind::Count& kind) { return number_schema(kind.most); },
            [](const kind::Number& kind) {
                json::object number = number_schema(kind.most);
                number["minimum"] = kind.least;
                return number;
            },
            [](const kind::Size& kind) {
                json::object size = number_schema(kind.most);
                size["type"] = json::array{"integer", "string"};
                size["pattern"] = "^(0|[1-9][0-9]{0,2}(MiB|GiB))$";
                size["minimum"] = kind.least;
                return size;
            },
            [](const kind::Moment& kind) { return number_schema(kind.latest); },
            [](const kind::Duration& kind) {
                json::object time = number_schema(kind.most);
                time["minimum"] = kind.least;
                return time;
            },
            [](const kind::Millis& kind) { return number_schema(kind.most); },
            [](const kind::Window& kind) {
                json::object window = number_schema(kind.most);
                window["type"] = json::array{"integer", "string"};
                window["pattern"] = "^(default|until_next|[0-9]{1,9})?$";
                return window;
            },
            [](const kind::Choice& kind) {
                return json::object{{"type", "string"}, {"enum", words_of(kind.words)}};
            },
        },
        field.kind);
    std::string about(field.about);
    if (const auto* const command = std::get_if<kind::Command>(&field.kind)) {
        about += fmt::format("; at most {} bytes", command->bytes);
    }
    if (const auto* const body = std::get_if<kind::Body>(&field.kind)) {
        about += fmt::format("; at most {} bytes", body->bytes);
    }
    if (std::holds_alternative<kind::Window>(field.kind)) about += "; `default` is as configured";
    schema["description"] = about;
    return schema;
}

/// The kinds of jobs that have the field; at others it is always at its default.
json::array kinds_of(const JobField& field)
{
    json::array kinds;
    for (const JobKind kind : {JobKind::command, JobKind::http, JobKind::daemon}) {
        if (is_for(field, kind)) kinds.emplace_back(policy_name(kind));
    }
    return kinds;
}

/// What a row of a job has.
json::object row_schema(const JobField& field)
{
    json::object schema = std::visit(
        Overloaded{
            [](std::monostate) {
                return json::object{{"type", json::array{"integer", "string", "null"}}};
            },
            [](bool) {
                return json::object{{"type", "boolean"}};
            },
            [](std::int64_t) {
                return json::object{{"type", "integer"}};
            },
            [](const std::string&) {
                return json::object{{"type", "string"}};
            },
            [](const std::vector<std::string>&) {
                return json::object{{"type", "array"}, {"items", json::object{{"type", "string"}}}};
            },
        },
        shown_value(field, Job()));
    if (const auto* const choice = std::get_if<kind::Choice>(&field.kind)) {
        schema = {{"type", "string"}, {"enum", words_of(choice->words)}};
    }
    schema["description"] = field.about;
    schema["default"] = to_json(shown_value(field, Job()));
    const json::array kinds = kinds_of(field);
    if (kinds.size() < PolicyNames<JobKind>::names.size()) schema["x-kinds"] = kinds;
    return schema;
}

/// What /cron/list takes for a list of words.
json::object filter_of(const JobField& field, const kind::Words& words)
{
    return {{"name", field.name},
            {"in", "query"},
            {"schema", json::object{{"type", "string"}, {"pattern", text_of_words(words)}}},
            {"description",
             fmt::format("only jobs that have these {}, with commas between", field.name)}};
}

/// The settings of all kinds of channels, as parameters.
void describe_channels(json::object& parameters)
{
    json::array kinds;
    for (const ChannelKind& kind : channel_kinds()) {
        kinds.emplace_back(kind.name);
        for (const ChannelSetting& setting : kind.settings) {
            json::object& schema =
                parameters.emplace(setting.name, json::object{{"type", "string"}})
                    .first->value()
                    .as_object();
            json::value& about = schema["description"];
            const std::string before =
                about.is_string() ? std::string(about.as_string()) + "; " : "";
            about = before + fmt::format("{}: {}", kind.name, setting.about);
        }
    }
    parameters.at("kind").as_object()["enum"] = std::move(kinds);
}

/// Gives each row of a job in an example the fields that it leaves out.
void complete_examples(json::value& value)
{
    if (auto* const list = value.if_array()) {
        for (json::value& one : *list) complete_examples(one);
    }
    auto* const object = value.if_object();
    if (object == nullptr) return;
    for (auto& [name, member] : *object) complete_examples(member);
    const json::value* const expression = object->if_contains("cron_set");
    if (expression == nullptr || !expression->is_string() || !object->contains("id")) return;
    for (const JobField& field : job_fields) {
        object->emplace(field.name, to_json(shown_value(field, Job())));
    }
}

json::value describe()
{
    json::value document = json::parse(openapi_text());
    json::object& schemas = document.at("components").at("schemas").as_object();
    json::object& row = schemas.at("Definition").as_object();
    json::object& parameters = schemas.at("JobFields").at("properties").as_object();
    for (const JobField& field : job_fields) {
        row.at("required").as_array().emplace_back(field.name);
        row.at("properties").as_object()[field.name] = row_schema(field);
        parameters[field.parameter_name()] = parameter_schema(field);
    }
    json::array& filters =
        document.at("paths").at("/cron/list").at("get").at("parameters").as_array();
    for (const JobField& field : job_fields) {
        if (is_filter(field)) {
            filters.push_back(filter_of(field, std::get<kind::Words>(field.kind)));
        }
    }
    describe_channels(schemas.at("ChannelFields").at("properties").as_object());
    schemas["Cause"] = {{"type", "string"},
                        {"description", "why, for programs; empty where the state says it"},
                        {"enum", words_of(cause_words)}};
    complete_examples(document);
    return document;
}

json::value describe_without_forms()
{
    json::value document = describe();
    for (auto& path : document.at("paths").as_object()) {
        for (auto& operation : path.value().as_object()) {
            json::object* const call = operation.value().if_object();
            json::value* const body = call != nullptr ? call->if_contains("requestBody") : nullptr;
            if (body == nullptr) continue;
            body->at("content").as_object().erase("application/x-www-form-urlencoded");
        }
    }
    return document;
}

}  // namespace

std::string_view openapi()
{
    static const std::string description = json::serialize(describe());
    return description;
}

std::string_view openapi_without_forms()
{
    static const std::string description = json::serialize(describe_without_forms());
    return description;
}

}  // namespace peercron
