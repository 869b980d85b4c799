#include "fuzzers.hpp"
#include "model/node_fields.hpp"
#include "model/run_request.hpp"
#include "notify/job_watch.hpp"
#include "notify/notice_json.hpp"
#include "store/definition_text.hpp"
#include "store/settings_text.hpp"
#include "store/store.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <optional>
#include <string>

namespace peercron::fuzz {
namespace {

/// What `read` makes of the text; nullopt when that throws `Refusal`.
template <class Refusal, class Read>
auto read_or_refuse(Read read) -> std::optional<decltype(read())>
{
    try {
        return read();
    } catch (const Refusal&) {
        return std::nullopt;
    }
}

Notice parse_notice(std::string_view text)
{
    return read_notice(boost::json::parse({text.data(), text.size()}));
}

}  // namespace

/// Columns that somebody may have written in the database itself. What is understood is written in
/// one way, which is understood again.
void fuzz_stored(std::string_view bytes)
{
    if (const auto job = read_or_refuse<StoreError>([&] { return read_definition(7, bytes); })) {
        const std::string text = definition_text(*job);
        promise(definition_text(read_definition(7, text)) == text,
                "a definition is written as it is read");
    }
    if (const auto settings =
            read_or_refuse<StoreError>([&] { return read_settings("ops", bytes); })) {
        promise(read_settings("ops", settings_text(*settings)) == *settings,
                "settings are written as they are read");
    }
    if (const auto notice = read_or_refuse<std::exception>([&] { return parse_notice(bytes); })) {
        const std::string text = boost::json::serialize(to_json(*notice));
        promise(boost::json::serialize(to_json(parse_notice(text))) == text,
                "a notice is written as it is read");
    }
    if (const auto fields = NodeFields::parse(bytes)) {
        promise(NodeFields::parse(fields->text()) == fields,
                "fields for nodes are written as they are read");
    }
    const std::string watched = watch_text(read_watch(bytes, WallTime{}));
    promise(watch_text(read_watch(watched, WallTime{})) == watched,
            "what is watched is written as it is read");

    const RunRequest request = parse_request(bytes);
    promise(parse_request(to_string(request)) == request, "a request is written as it is read");
    (void)input_variables(request.inputs, request.inputs);
    (void)find_input_problem(request.inputs, request.inputs);
}

}  // namespace peercron::fuzz
