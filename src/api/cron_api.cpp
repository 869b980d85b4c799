#include "api/calendar_rules.hpp"
#include "api/job_rules.hpp"
#include "api/limits.hpp"
#include "api/list_text.hpp"
#include "api/paged_list.hpp"
#include "api/routes.hpp"
#include "api/rows.hpp"
#include "base/log.hpp"
#include "base/overloaded.hpp"
#include "base/utf8.hpp"
#include "http/answer.hpp"
#include "model/job_fields.hpp"
#include "model/job_kinds.hpp"
#include "store/pause_store.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace peercron {
namespace {

constexpr std::size_t jobs_per_fetch = 500;
constexpr std::size_t shown_fires = 5;

/// What the texts of a field may take.
constexpr std::size_t most_bytes(const JobField& field)
{
    return std::visit(Overloaded{
                          [](const kind::Command& kind) { return kind.bytes; },
                          [](const kind::Expression& kind) { return 4 * kind.characters; },
                          [](const kind::Zone& kind) { return 4 * kind.characters; },
                          [](const kind::Name& kind) { return 4 * kind.characters; },
                          [](const kind::Text& kind) { return 4 * kind.characters; },
                          [](const kind::Body& kind) { return kind.bytes; },
                          [](const kind::Words& kind) { return kind.count * 4 * kind.characters; },
                          [](const kind::Lines& kind) { return kind.bytes; },
                          [](const auto&) { return std::size_t{0}; },
                      },
                      field.kind);
}

constexpr std::size_t most_bytes_of_job()
{
    std::size_t bytes = sizeof(Job);
    for (const JobField& field : job_fields) bytes += most_bytes(field);
    return bytes;
}

constexpr std::size_t most_job_bytes = most_bytes_of_job();

std::size_t bytes_of(const std::string& text)
{
    return text.size();
}
std::size_t bytes_of(const std::vector<std::string>& words)
{
    std::size_t bytes = words.size() * sizeof(std::string);
    for (const std::string& word : words) bytes += word.size();
    return bytes;
}
std::size_t bytes_of(const RareText& text)
{
    return bytes_of(text.get());
}
std::size_t bytes_of(const RareWords& words)
{
    return bytes_of(words.get());
}
template <class T>
std::size_t bytes_of(const T&)
{
    return 0;  // in the job itself
}

std::size_t size_of(const std::vector<Job>& jobs)
{
    std::size_t bytes = jobs.size() * sizeof(Job);
    for (const Job& job : jobs) {
        for (const JobField& field : job_fields) {
            bytes +=
                std::visit([&job](auto member) { return bytes_of(job.*member); }, field.member);
        }
    }
    return bytes;
}

JobView view_of(const ApiContext& context)
{
    return JobView{context.default_time_zone, context.inherited, context.clock.now()};
}

/// It starts when the pause is over, and not before.
void hold_down(DaemonView& daemon, const Pause& pause)
{
    if (daemon.is_up || !daemon.next_start) return;
    daemon.why = to_string(reason_of(pause));
    daemon.next_start.reset();
    if (pause.end() != WallTime::max()) daemon.next_start = pause.end();
}

/// What of the ledger the jobs are shown by, and the pauses.
void read_daemons_and_pauses(Store& store, std::span<const Job> jobs, JobView& view)
{
    view.daemons = read_daemons(store, jobs, view.now);
    view.pauses = Pauses(store.pauses().pauses_after(view.now));
    for (const Job& job : jobs) {
        const auto daemon = view.daemons.find(job.id);
        const Pause* const pause = view.pauses.find(job, view.now);
        if (pause != nullptr && daemon != view.daemons.end()) hold_down(daemon->second, *pause);
    }
}

/// What the jobs are shown by that is kept elsewhere.
void read_beside(Store& store, std::span<const Job> jobs, JobView& view)
{
    view.calendars = read_calendars(store, jobs, view.now);
    read_daemons_and_pauses(store, jobs, view);
}

/// A page of jobs with what a list shows of their past.
struct ListedJobs {
    std::vector<Job> jobs;
    std::vector<JobInsight> insights;  ///< of the same, in the same order
};

/// What the past of one job takes, as it was read.
constexpr std::size_t most_insight_bytes = 8192;

ListedJobs with_insights(Store& store, std::vector<Job> jobs)
{
    std::vector<JobId> ids;
    ids.reserve(jobs.size());
    for (const Job& job : jobs) ids.push_back(job.id);
    std::vector<JobInsight> insights = store.find_insights(ids);
    return {std::move(jobs), std::move(insights)};
}

void write_listed(JsonWriter& json, const Job& job, const JobInsight& insight, const JobView& view,
                  Strip strip)
{
    json.begin_object();
    write_job_fields(json, job, view);
    write_past(json, run_limits(view.inherited, job), insight, strip, view.now);
    json.end_object();
}

/// All jobs, read from the store in pieces while they are sent.
class AllJobs final : public ListChunks {
public:
    AllJobs(const ApiContext& context, std::vector<std::string> tags)
        : ListChunks(fmt::format("{}[", envelope_begin), fmt::format("]{}", envelope_end)),
          store_(context.store),
          budget_(context.budget),
          view_(view_of(context)),
          tags_(std::move(tags))
    {}

private:
    bool append_row(std::string& out) override
    {
        if (position_ == read_.jobs.size()) return false;
        JsonWriter json(out);
        // Without strips: they would make up two thirds of a list that nobody looks at as a whole.
        write_listed(json, read_.jobs[position_], read_.insights[position_], view_,
                     Strip::left_out);
        ++position_;
        return true;
    }

    asio::awaitable<bool> fetch() override
    {
        if (is_last_) co_return false;
        const JobId after = last_id_;
        share_ = Budget::Share();
        Budget::Share share =
            co_await budget_.take(jobs_per_fetch * (most_job_bytes + most_insight_bytes));
        const auto read = [this, after](Store& store) {
            std::vector<Job> jobs = store.jobs_after(after, jobs_per_fetch);
            is_last_ = jobs.size() < jobs_per_fetch;
            if (!jobs.empty()) last_id_ = jobs.back().id;
            std::erase_if(jobs, [this](const Job& job) { return !is_within(tags_, job); });
            ListedJobs listed = with_insights(store, std::move(jobs));
            read_daemons_and_pauses(store, listed.jobs, view_);
            // Once: each reading parses all of them.
            if (!has_calendars_ && name_calendars(listed.jobs)) {
                view_.calendars = read_calendars(store, listed.jobs, view_.now);
                has_calendars_ = true;
            }
            return listed;
        };
        read_ = co_await store_.call(read);
        share.resize(size_of(read_.jobs) + read_.jobs.size() * most_insight_bytes);
        share_ = std::move(share);
        position_ = 0;
        co_return true;
    }

    StorePool& store_;
    Budget& budget_;
    JobView view_;
    const std::vector<std::string> tags_;  // of the caller
    ListedJobs read_;
    JobId last_id_ = 0;    // that was read
    Budget::Share share_;  // for read_
    std::size_t position_ = 0;
    bool is_last_ = false;
    bool has_calendars_ = false;
};

/// A list of words can be asked for the jobs that have some of them.
std::vector<Param> list_params()
{
    std::vector<Param> params{{.name = "page", .type = ParamType::integer},
                              {.name = "limit", .type = ParamType::integer},
                              {.name = "search"},
                              {.name = "name"},
                              {.name = "state"},
                              {.name = "sort"}};
    for (const JobField& field : job_fields) {
        if (!is_filter(field)) continue;
        // One is asked for by the name of one.
        const std::string_view alias = field.name == "tags" ? "tag" : "";
        params.push_back({.name = field.name, .alias = alias, .type = ParamType::words});
    }
    return params;
}

/// The place of the word among `words`.
std::size_t read_choice(std::string_view name, std::string_view given, std::string_view word,
                        std::span<const std::string_view> words)
{
    const auto found = std::ranges::find(words, word);
    if (found == words.end()) {
        refuse(fmt::format("{}: given {}; one of {} is allowed", name, quote_utf8(given),
                           fmt::join(words, ", ")));
    }
    return static_cast<std::size_t>(found - words.begin());
}

std::optional<JobState> read_job_state(const Params& params)
{
    const auto given = params.text("state");
    if (!given) return std::nullopt;
    return static_cast<JobState>(read_choice("state", *given, *given, job_state_words));
}

/// "-usual_time": the longest first.
void read_order(const Params& params, JobFilter& filter)
{
    const auto given = params.text("sort");
    if (!given) return;
    std::string_view word = *given;
    filter.descending = word.starts_with('-');
    if (filter.descending) word.remove_prefix(1);
    filter.order = static_cast<JobOrder>(read_choice("sort", *given, word, job_order_words));
}

std::vector<WordFilter> read_words(const Params& params)
{
    std::vector<WordFilter> filters;
    for (const JobField& field : job_fields) {
        if (!is_filter(field)) continue;
        std::vector<std::string> words = split_words(params.text(field.name).value_or(""));
        JobPatch patch;
        give(patch, field, words);
        if (const auto problem = find_problem(patch)) {
            refuse(fmt::format("{}: {}", field.name, problem->what));
        }
        for (std::string& word : words) filters.push_back({&field, std::move(word)});
    }
    return filters;
}

asio::awaitable<Response> list_jobs(const ApiContext& context, PagedList& list, const Call& call)
{
    if (call.params.size() == 0) {
        auto all = std::make_unique<AllJobs>(context, call.caller.tags);
        co_return co_await answer_in_chunks(std::move(all));
    }
    const Slice slice = read_slice(call.params);
    JobFilter filter;
    filter.search = call.params.text("search");
    filter.name = call.params.text("name");
    filter.words = read_words(call.params);
    filter.any_tag = call.caller.tags;
    filter.state = read_job_state(call.params);
    read_order(call.params, filter);
    PagedList::Request request{filter, slice};
    request.most_bytes = slice.limit * (most_job_bytes + most_insight_bytes);
    request.read = [&context, filter, slice](Store& store, const PageHint& hint) {
        ListedJobs listed = with_insights(store, store.job_page(filter, slice, hint));
        JobView view = view_of(context);
        read_beside(store, listed.jobs, view);
        auto insight = listed.insights.begin();
        const auto write = [&view, &insight](JsonWriter& json, const Job& job) {
            write_listed(json, job, *insight++, view, Strip::shown);
        };
        return write_rows(std::move(listed.jobs), write);
    };
    co_return co_await list.answer(std::move(request));
}

asio::awaitable<Response> show_job(const ApiContext& context, const Call& call)
{
    const JobId id = parse_job_id("id", call.id);
    JobInsight insight;
    JobView view = view_of(context);
    const auto find = [id, &insight, &view](Store& store) {
        std::optional<Job> job = store.find_job(id);
        if (job) insight = store.find_insights({&id, 1}).front();
        if (job) read_beside(store, std::span(&*job, 1), view);
        return job;
    };
    const std::optional<Job> job = co_await context.store.call(find);
    if (!job) refuse_unknown_job(call.id);
    const NextFires fires = next_fires(*job, context.default_time_zone, view.now, shown_fires,
                                       view.pauses, view.calendars);
    const auto write = [&](JsonWriter& json) {
        json.begin_object();
        write_job_fields(json, *job, view);
        write_past(json, run_limits(view.inherited, *job), insight, Strip::shown, view.now);
        json.key("next");
        json.begin_array();
        for (const std::string& time : fires.times) json.value(time);
        json.end_array();
        json.field("schedule_error", fires.problem);
        json.end_object();
    };
    co_return answer(write);
}

std::string_view what_was_done(const Revision& revision)
{
    if (!revision.before) return "add";
    if (!revision.after) return "delete";
    const FieldSet changed = differences(*revision.before, *revision.after);
    const bool is_stop = changed.test(place_of(&Job::stop));
    if (!is_stop || changed.count() > 1) return "update";
    return revision.after->stop ? "stop" : "start";
}

void write_revision(JsonWriter& json, const Revision& revision)
{
    const auto definition = [&json](std::string_view name, const std::optional<Job>& job) {
        json.key(name);
        if (job) {
            write_definition(json, *job);
        } else {
            json.null();
        }
    };
    json.begin_object();
    json.field("id", revision.id);
    json.field("cron_id", revision.job);
    json.field("action", what_was_done(revision));
    json.field("effective_from", to_unix_millis(revision.effective_from));
    json.field("who", revision.by.who);
    json.field("from", revision.by.from);
    json.field("reason", revision.by.why);
    definition("before", revision.before);
    definition("after", revision.after);
    json.end_object();
}

struct Revisions {
    std::shared_ptr<ListPage> page;
    std::int64_t total = 0;
};

/// Within the budget: each revision holds a job twice.
asio::awaitable<Revisions> read_revisions(const ApiContext& context, const RevisionQuery& query)
{
    Revisions read;
    const auto find = [&query, &read](Store& store) {
        RevisionPage found = store.find_revisions(query);
        read.total = found.total;
        return write_rows(std::move(found.revisions), write_revision);
    };
    read.page = std::make_shared<ListPage>();
    Budget::Share share = co_await context.budget.take(query.limit * 2 * most_job_bytes);
    *read.page = co_await context.store.call(find);
    share.resize(read.page->size());
    read.page->share = std::move(share);
    write_total(*read.page, read.total);
    co_return read;
}

/// Of a job that is deleted as well.
asio::awaitable<Response> show_history(const ApiContext& context, const Call& call)
{
    const Slice page = read_slice(call.params);
    RevisionQuery query;
    query.job = parse_job_id("id", call.id);
    query.offset = page.offset;
    query.limit = page.limit;
    Revisions history = co_await read_revisions(context, query);
    if (history.total == 0) {
        throw HttpError(http::status::not_found,
                        fmt::format("id: there is no job {}, and there was none", call.id));
    }
    co_return answer_with(std::move(history.page));
}

/// The deletions of the jobs of a name: what they were, and under which id their history and their
/// rows of the log are.
asio::awaitable<Response> list_deleted(const ApiContext& context, const Call& call)
{
    const Slice page = read_slice(call.params);
    RevisionQuery query;
    query.deleted_name = call.params.text("name");
    if (!query.deleted_name || query.deleted_name->empty()) {
        refuse("name: missing; give the name of the deleted jobs");
    }
    query.offset = page.offset;
    query.limit = page.limit;
    Revisions deleted = co_await read_revisions(context, query);
    co_return answer_with(std::move(deleted.page));
}

asio::awaitable<Response> count_jobs(const ApiContext& context, const Call& call)
{
    const auto read = [&call](Store& store) {
        if (!call.caller.is_limited()) return store.job_counts();
        JobFilter filter;
        filter.any_tag = call.caller.tags;
        JobCounts counts;
        counts.total = store.count_jobs(filter).rows;
        filter.state = JobState::stopped;
        counts.stopped = store.count_jobs(filter).rows;
        return counts;
    };
    const JobCounts count = co_await context.store.call(read);
    const auto write = [&count](JsonWriter& json) {
        json.begin_object();
        json.field("total", count.total);
        json.field("enabled", count.total - count.stopped);
        json.field("stopped", count.stopped);
        json.end_object();
    };
    co_return answer(write);
}

}  // namespace

void add_cron_routes(Router& router, const ApiContext& context)
{
    using http::verb;
    const auto list = std::make_shared<PagedList>(context.store, context.tasks, context.budget);
    router.add({
        .pattern = "/cron/list",
        .methods = {verb::get},
        .role = Role::read,
        .scope = Scope::filtered,
        .params = list_params(),
        .handler = [&context, list](const Call& call) { return list_jobs(context, *list, call); },
    });
    router.add({
        .pattern = "/cron/count",
        .methods = {verb::get},
        .role = Role::read,
        .scope = Scope::filtered,
        .handler = bind(context, count_jobs),
    });
    router.add({
        .pattern = "/cron/deleted",
        .methods = {verb::get},
        .role = Role::read,
        .params = {{.name = "name", .required = true},
                   {.name = "page", .type = ParamType::integer},
                   {.name = "limit", .type = ParamType::integer}},
        .handler = bind(context, list_deleted),
    });
    router.add({
        .pattern = "/cron/{id}",
        .methods = {verb::get},
        .role = Role::read,
        .scope = Scope::job,
        .handler = bind(context, show_job),
    });
    router.add({
        .pattern = "/cron/{id}/history",
        .methods = {verb::get},
        .role = Role::read,
        .scope = Scope::job,
        .params = {{.name = "page", .type = ParamType::integer},
                   {.name = "limit", .type = ParamType::integer}},
        .handler = bind(context, show_history),
    });
}

}  // namespace peercron
