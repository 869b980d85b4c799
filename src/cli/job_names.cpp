#include "cli/job_names.hpp"

#include "cli/answer_fields.hpp"
#include "cli/exit_status.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/object.hpp>

#include <cstddef>
#include <utility>

namespace peercron {

namespace json = boost::json;

namespace {

/// Each is a call of its own, of less than a millisecond.
constexpr std::size_t most_asked = 200;

}  // namespace

void JobNames::note(std::span<json::value> runs)
{
    may_ask_ = most_asked;
    for (json::value& run : runs) note_one(run);
}

void JobNames::note_one(json::value& run)
{
    if (!run.is_object()) return;
    const auto job = AnswerFields(run).number("cron_id");
    if (!job) return;
    const json::value* const said = run.get_object().if_contains("name");
    if (said != nullptr && said->is_string()) names_[*job] = AnswerFields(run).text("name");
    const std::string name = name_of(*job);
    if (!name.empty()) run.get_object()["job_name"] = name;
}

std::string JobNames::name_of(std::int64_t job)
{
    const auto known = names_.find(job);
    if (known != names_.end()) return known->second;
    if (may_ask_ == 0) return {};
    --may_ask_;
    try {
        return names_[job] = ask(job);
    } catch (const Refused&) {
        return names_[job] = "";
    } catch (const Failure&) {
        may_ask_ = 0;
        return {};
    }
}

std::string JobNames::ask(std::int64_t job)
{
    constexpr unsigned not_found = 404;
    try {
        return AnswerFields(client_.get(fmt::format("/cron/{}", job))).text("name");
    } catch (const Refused& refused) {
        if (refused.http_status() != not_found) throw;
    }
    const json::value history = client_.get(fmt::format("/cron/{}/history", job), {{"limit", "1"}});
    for (const json::value& revision : rows_of(history)) {
        const json::object* const fields = revision.if_object();
        const json::value* const before = fields ? fields->if_contains("before") : nullptr;
        if (before != nullptr) return AnswerFields(*before).text("name");
    }
    return {};
}

void note_last_results(ApiClient& client, json::array& jobs)
{
    if (jobs.size() > most_asked) return;
    for (json::value& job : jobs) {
        const std::string id = AnswerFields(job).number_text("id");
        const bool is_told = job.is_object() && job.get_object().contains("last_state");
        if (is_told || !AnswerFields(job).number("last_run_at")) continue;
        json::value newest;
        try {
            newest = client.get("/log/list", {{"cron_id", id}, {"limit", "1"}});
        } catch (const Failure&) {
            return;  // the jobs themselves are there
        }
        for (const json::value& run : rows_of(newest)) {
            job.get_object()["last_state"] = AnswerFields(run).text("state");
        }
    }
}

}  // namespace peercron
