#include "api/insight_rows.hpp"
#include "api/routes.hpp"
#include "http/answer.hpp"
#include "insight/output_diff.hpp"
#include "model/field_json.hpp"
#include "model/job_fields.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

/// A run, and the last one of its job before it that succeeded.
struct ComparedRuns {
    LogRow run;
    std::optional<LogRow> success;
    std::optional<Job> definition;  ///< by which the run ran, as far as the history says
    std::optional<Job> definition_of_success;
    std::vector<DiffPart> output;
};

/// What the job was at these moments; `times` descend.
std::vector<std::optional<Job>> definitions_at(Store& store, JobId job,
                                               const std::vector<WallTime>& times)
{
    constexpr std::size_t most_pages = 20;
    constexpr std::size_t page_size = 50;
    std::vector<std::optional<Job>> found(times.size());
    std::size_t next = 0;
    for (std::size_t page = 0; page < most_pages && next < times.size(); ++page) {
        RevisionQuery query;
        query.job = job;
        query.offset = page * page_size;
        query.limit = page_size;
        const RevisionPage revisions = store.find_revisions(query);
        for (const Revision& revision : revisions.revisions) {
            while (next < times.size() && revision.effective_from < times[next]) {
                found[next++] = revision.after;
            }
        }
        if (revisions.revisions.size() < page_size) break;
    }
    return found;
}

/// nullopt: there is no such row.
std::optional<ComparedRuns> compare_runs(Store& store, std::int64_t id)
{
    constexpr std::size_t furthest = 1000;  // rows back
    std::optional<LogRow> run = store.find_log_row(id);
    if (!run) return std::nullopt;
    ComparedRuns compared;
    compared.run = *std::move(run);
    const RunId& which = compared.run.run.id;
    for (const LogRow& row : store.job_rows_before(which.job, which.scheduled_at, furthest)) {
        if (row.run.state != RunState::success || row.run.rehearsal) continue;
        compared.success = store.find_log_row(row.id);
        break;
    }
    if (!compared.success) return compared;
    const std::vector<WallTime> times{which.scheduled_at, compared.success->run.id.scheduled_at};
    auto definitions = definitions_at(store, which.job, times);
    compared.definition = std::move(definitions[0]);
    compared.definition_of_success = std::move(definitions[1]);
    compared.output = diff_outputs(compared.success->run.output, compared.run.run.output);
    return compared;
}

/// Beginning and end of a long stretch that is the same, and how many lines are between.
void write_same(JsonWriter& json, const DiffPart& part)
{
    constexpr std::size_t shown = 3;
    const auto write = [&json](std::string_view op, std::size_t lines, std::string_view text) {
        json.begin_object();
        json.field("op", op);
        json.field("lines", std::uint64_t{lines});
        json.field("text", text);
        json.end_object();
    };
    if (part.lines <= 2 * shown + 1) return write("same", part.lines, part.text);
    const std::string_view text = part.text;
    std::size_t head = 0;
    std::size_t tail = text.size();
    for (std::size_t i = 0; i < shown; ++i) {
        head = text.find('\n', head) + 1;
        tail = text.rfind('\n', tail - 1);
    }
    write("same", shown, text.substr(0, head - 1));
    write("folded", part.lines - 2 * shown, "");
    write("same", shown, text.substr(tail + 1));
}

void write_output(JsonWriter& json, const std::vector<DiffPart>& parts)
{
    json.key("output");
    json.begin_array();
    for (const DiffPart& part : parts) {
        if (part.kind == DiffPart::Kind::same) {
            write_same(json, part);
            continue;
        }
        json.begin_object();
        json.field("op", part.kind == DiffPart::Kind::gone ? "gone" : "new");
        json.field("lines", std::uint64_t{part.lines});
        json.field("text", part.text);
        json.end_object();
    }
    json.end_array();
}

std::string shown_text(const JobField& field, const Job& job)
{
    const boost::json::value value = to_json(shown_value(field, job));
    if (const auto* const text = value.if_string()) return std::string(*text);
    return boost::json::serialize(value);
}

void write_definitions(JsonWriter& json, const ComparedRuns& compared)
{
    json.key("definition");
    if (!compared.definition || !compared.definition_of_success) {
        json.null();
        return;
    }
    json.begin_array();
    const FieldSet changed = differences(*compared.definition_of_success, *compared.definition);
    for (const JobField* field : fields_of(changed)) {
        json.begin_object();
        json.field("field", field->name);
        json.field("success", shown_text(*field, *compared.definition_of_success));
        json.field("run", shown_text(*field, *compared.definition));
        json.end_object();
    }
    json.end_array();
}

void write_compared(JsonWriter& json, const ComparedRuns& compared)
{
    json.begin_object();
    json.key("run");
    write_brief(json, compared.run);
    json.key("success");
    write_brief(json, compared.success);
    write_definitions(json, compared);
    const bool is_same =
        compared.output.empty() ||
        (compared.output.size() == 1 && compared.output.front().kind == DiffPart::Kind::same);
    json.field("output_is_same", compared.success && is_same);
    write_output(json, compared.output);
    json.end_object();
}

asio::awaitable<Response> show_difference(const ApiContext& context, const Call& call)
{
    const std::int64_t id = parse_row_id("id", call.id);
    // Both outputs, their masked lines, and the answer.
    Budget::Share share = co_await context.budget.take(8 * context.max_output);
    const auto compare = [id](Store& store) -> std::optional<Response> {
        const auto compared = compare_runs(store, id);
        if (!compared) return std::nullopt;
        return answer([&](JsonWriter& json) { write_compared(json, *compared); });
    };
    std::optional<Response> response = co_await context.store.call(compare);
    if (!response) refuse_unknown_row(call.id);
    share.resize(response->body.size());
    response->share = std::move(share);
    co_return std::move(*response);
}

}  // namespace

void add_run_diff_routes(Router& router, const ApiContext& context)
{
    router.add({
        .pattern = "/run/{id}/diff",
        .methods = {http::verb::get},
        .role = Role::read,
        .scope = Scope::run,
        .handler = bind(context, show_difference),
    });
}

}  // namespace peercron
