#include "api/access_changes.hpp"
#include "api/await_answer.hpp"
#include "api/calendar_rules.hpp"
#include "api/chain_rules.hpp"
#include "api/change_call.hpp"
#include "api/confirm_change.hpp"
#include "api/job_rules.hpp"
#include "api/limits.hpp"
#include "api/list_text.hpp"
#include "api/lock_rules.hpp"
#include "api/paged_list.hpp"
#include "api/pause_calls.hpp"
#include "api/routes.hpp"
#include "api/rows.hpp"
#include "api/where_view.hpp"
#include "base/counted.hpp"
#include "base/log.hpp"
#include "base/overloaded.hpp"
#include "base/utf8.hpp"
#include "http/answer.hpp"
#include "model/job_fields.hpp"
#include "model/job_kinds.hpp"
#include "model/notice_channel.hpp"
#include "store/notice_store.hpp"
#include "store/pause_store.hpp"

#include <algorithm>
#include <limits>
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
constexpr std::size_t jobs_per_delete = 1000;
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
    return JobView{context.default_time_zone, context.clock.now()};
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
    write_past(json, job, insight, strip, view.now);
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
        write_past(json, *job, insight, Strip::shown, view.now);
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

/// @param of_locks see lock_warning().
std::vector<std::string> warnings_of(const ApiContext& context, const Job& job,
                                     const std::optional<std::string>& of_locks)
{
    std::vector<std::string> warnings =
        where_warnings(job, context.coordinator.members(), context.loads());
    if (of_locks) warnings.push_back(*of_locks);
    return warnings;
}

/// What an answer to a change shows the job by. The change itself reads its calendars, and those
/// pauses that may be newer than what this node has heard.
JobView view_after_change(const ApiContext& context)
{
    JobView view = view_of(context);
    view.pauses = context.pauses();
    return view;
}

/// The store has the change: logs it, tells the dispatcher, and answers with the job.
/// @param done what was done, "stopped".
/// @param view see view_after_change().
/// @param warnings what the caller should know of the job as it is now.
asio::awaitable<Response> finish(const ApiContext& context, const Caller& caller, const Job& job,
                                 std::string_view done, JobView view,
                                 std::vector<std::string> warnings = {})
{
    spdlog::info("http: {} at {} {} job {} (cronSet {})", quote_utf8(caller.name), caller.address,
                 done, job.id, quote_utf8(job.cron_set));
    std::vector<JobId> ids(1, job.id);
    std::string what = fmt::format("job {} was {} and this is stored", job.id, done);
    co_await confirm_change(context, std::move(ids), std::move(what));
    view.now = context.clock.now();
    const auto write = [&](JsonWriter& json) {
        json.begin_object();
        write_job_fields(json, job, view);
        if (!warnings.empty()) write_texts(json, "warnings", warnings);
        json.end_object();
    };
    co_return answer(write);
}

/// What makes `job` the same as `draft`. Whether it is stopped is only changed when it was given: a
/// job that somebody stopped must not start because its definition is written again.
JobPatch difference(const Job& job, const Job& draft, const JobPatch& given)
{
    FieldSet changed = differences(job, draft);
    if (!given.has(&Job::stop)) changed.reset(place_of(&Job::stop));
    return patch_of(draft, changed);
}

/// Counts from `now` when the job is to run once, at a moment that was given or counted from `now`:
/// that must not have passed when the database is slow to take the job.
Edit edit_by(const ApiContext& context, const Call& call, WallTime now)
{
    const bool is_once = call.params.text("at") || call.params.text("after");
    return is_once ? Edit(now, author_of(call)) : edit_by(context, call);
}

struct AddedJob {
    Job job;
    std::string_view done;
};

[[noreturn]] void refuse_more_jobs(std::size_t max_jobs)
{
    throw HttpError(http::status::conflict,
                    fmt::format("there are {} jobs, and the configuration (dispatch.max_jobs) "
                                "allows no more",
                                max_jobs));
}

/// @throws HttpError 400: what `patch` says of the command of `job` can run nowhere.
void check_command(const ApiContext& context, const Job& job, const JobPatch& patch)
{
    const auto is_of_command = [](const JobField* field) {
        return field->for_node || field->member == FieldMember(&Job::command);
    };
    if (std::ranges::none_of(fields_of(patch.given), is_of_command)) return;
    if (const auto why = context.refusal(job)) refuse(*why);
}

/// @throws HttpError 400: the job would tell a channel that is not there, and so nobody.
void check_channels(Store& store, const JobPatch& patch)
{
    if (!patch.has(&Job::notify)) return;
    std::vector<std::string> unknown = patch.values.notify;
    std::erase(unknown, no_channel);
    if (unknown.empty()) return;
    std::vector<std::string> known;
    for (NoticeChannel& channel : store.notices().channels()) {
        std::erase(unknown, channel.name);
        known.push_back(std::move(channel.name));
    }
    if (unknown.empty()) return;
    refuse(fmt::format("notify: given {}, and there is no such channel; {}",
                       quote_utf8(unknown.front()),
                       known.empty() ? std::string("there are none yet: /channel/add adds them")
                                     : fmt::format("there are {}", fmt::join(known, ", "))));
}

/// Takes no more jobs than context.max_jobs, as far as this node knows how many there are.
/// @param draft what comes of `given` for a new job.
AddedJob add_or_replace(Store& store, const ApiContext& context, std::size_t jobs_known,
                        const JobPatch& given, const Job& draft, bool replace, const Edit& edit,
                        const Caller& caller)
{
    // Twice, because another call may add or delete the name in between.
    for (int tries = 0; replace && tries < 2; ++tries) {
        const auto there = store.find_job_by_name(draft.name);
        if (there && is_within(caller.tags, *there)) {
            const JobPatch patch = difference(*there, draft, given);
            if (patch.given.none()) return {*there, "left unchanged"};
            check_chain(store, draft, &*there, patch, context.default_time_zone, caller.tags);
            if (const auto job = store.update_job(there->id, patch, edit))
                return {*job, "replaced"};
        }
        if (jobs_known >= context.max_jobs) refuse_more_jobs(context.max_jobs);
        check_chain(store, draft, nullptr, given, context.default_time_zone, caller.tags);
        try {
            return {store.add_job(draft, edit), "added"};
        } catch (const NameTaken&) {
            continue;
        }
    }
    if (jobs_known >= context.max_jobs) refuse_more_jobs(context.max_jobs);
    check_chain(store, draft, nullptr, given, context.default_time_zone, caller.tags);
    return {store.add_job(draft, edit), "added"};
}

asio::awaitable<Response> add_job(const ApiContext& context, const Call& call)
{
    const WallTime now = context.clock.now();
    JobPatch given = read_job_patch(call.params, now);
    imply_kind(given);
    if (given.values.kind != JobKind::http && !given.has(&Job::command)) {
        refuse("command: missing; a job needs it, or an http_url");
    }
    if (has_schedule(given.values) && !given.has(&Job::cron_set))
        refuse("cronSet: missing (or one of at, after, every; or run_after)");
    const Job draft = apply(Job(), given);
    refuse_out_of_reach(call.caller, draft);
    check_whole(draft, given, context.default_time_zone);
    const bool replace = call.params.boolean("replace").value_or(false);
    if (replace && draft.name.empty()) {
        refuse("replace: given without a name; give the name of the job to replace");
    }
    const std::size_t known = context.jobs_known();
    const Edit edit = edit_by(context, call, now);
    JobView view = view_after_change(context);
    std::optional<std::string> of_locks;
    const auto add = [&](Store& store) {
        check_command(context, draft, given);
        check_channels(store, given);
        check_locks(store, draft, given);
        of_locks = lock_warning(store, draft);
        check_calendar(store, draft, given, context.default_time_zone, now);
        view.calendars = read_calendars(store, std::span(&draft, 1), now);
        return add_or_replace(store, context, known, given, draft, replace, edit, call.caller);
    };
    const auto [job, done] = co_await context.store.call(add);
    std::vector<std::string> warnings = warnings_of(context, job, of_locks);
    co_return co_await finish(context, call.caller, job, done, std::move(view),
                              std::move(warnings));
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

/// Deletes all jobs, some at a time, so that no change of many rows stands in the way of others.
asio::awaitable<Response> clear_jobs(const ApiContext& context, const Call& call)
{
    const auto confirmed =
        call.params.integer("confirm", 0, std::numeric_limits<std::int64_t>::max());
    const auto read = [](Store& store) { return store.job_ids(); };
    const std::vector<JobId> ids = co_await context.store.call(read);
    if (std::ssize(ids) != confirmed) {
        throw HttpError(http::status::conflict,
                        fmt::format("confirm: given {}, but there are {} jobs; nothing was deleted",
                                    confirmed.value_or(0), ids.size()));
    }
    spdlog::warn("http: {} deletes all jobs, {} in number", to_string(call.caller), ids.size());
    std::int64_t deleted = 0;
    std::string unconfirmed;
    for (std::span<const JobId> rest = ids; !rest.empty();) {
        const auto some = rest.first(std::min(rest.size(), jobs_per_delete));
        rest = rest.subspan(some.size());
        const Edit edit = edit_by(context, call);
        const auto remove = [some, &edit](Store& store) { return store.delete_jobs(some, edit); };
        deleted += co_await context.store.call(remove);
        std::vector<JobId> gone(some.begin(), some.end());
        const Result<void> told = co_await await_answer(context.announce(std::move(gone)));
        if (told.has_error()) unconfirmed = told.error().message;
    }
    if (!unconfirmed.empty()) {
        throw_unconfirmed(counted(deleted, "job was", "jobs were") + " deleted", unconfirmed);
    }
    const auto write = [deleted](JsonWriter& json) {
        json.begin_object();
        json.field("deleted", deleted);
        json.end_object();
    };
    co_return answer(write);
}

asio::awaitable<Response> update_job(const ApiContext& context, const Call& call)
{
    const std::string given_id = call.params.text("id").value_or("");
    const JobId id = parse_job_id("id", given_id);
    const WallTime now = context.clock.now();
    const JobPatch patch = read_job_patch(call.params, now);
    const std::size_t others = call.params.text("reason") ? 2 : 1;
    if (call.params.size() == others) {
        refuse("nothing to change: no field of the job was given; /openapi.json lists the fields");
    }
    const Edit edit = edit_by(context, call, now);
    JobView view = view_after_change(context);
    std::optional<std::string> of_locks;
    const auto update = [&](Store& store) -> std::optional<Job> {
        const std::optional<Job> job = store.find_job(id);
        if (!job || !is_within(call.caller.tags, *job)) return std::nullopt;
        const Job changed = apply(*job, patch);
        refuse_out_of_reach(call.caller, changed);
        check_whole(changed, patch, context.default_time_zone);
        check_chain(store, changed, &*job, patch, context.default_time_zone, call.caller.tags);
        check_command(context, changed, patch);
        check_channels(store, patch);
        check_locks(store, changed, patch);
        of_locks = lock_warning(store, changed);
        check_calendar(store, changed, patch, context.default_time_zone, now);
        view.calendars = read_calendars(store, std::span(&changed, 1), now);
        return store.update_job(id, patch, edit);
    };
    const std::optional<Job> job = co_await context.store.call(update);
    if (!job) refuse_unknown_job(given_id);
    std::vector<std::string> warnings = warnings_of(context, *job, of_locks);
    co_return co_await finish(context, call.caller, *job, "updated", std::move(view),
                              std::move(warnings));
}

/// A job that stands as wanted already is not written again, but the dispatcher is told all the
/// same: the call may be the second try of one that nobody had confirmed.
std::optional<Job> set_stop(Store& store, JobId id, bool stop, const Edit& edit)
{
    std::optional<Job> job = store.find_job(id);
    if (!job || job->stop == stop) return job;
    JobPatch patch;
    patch.set(&Job::stop, stop);
    return store.update_job(id, patch, edit);
}

/// The pauses and calendars by which the job fires after a change of either.
void read_around(Store& store, const Job& job, JobView& view)
{
    view.pauses = Pauses(store.pauses().pauses_after(view.now));
    view.calendars = read_calendars(store, std::span(&job, 1), view.now);
}

/// With `until` it is a pause, which ends by itself.
asio::awaitable<Response> stop_job(const ApiContext& context, const Call& call)
{
    const JobId id = parse_job_id("id", call.id);
    const bool is_pause = call.params.time("until").has_value();
    const Edit edit = edit_by(context, call);
    Pause pause;
    if (is_pause) pause = read_pause(call, std::nullopt, context.clock.now());
    pause.job = id;
    JobView view = view_after_change(context);
    const auto change = [&](Store& store) {
        std::optional<Job> job = is_pause ? store.find_job(id) : set_stop(store, id, true, edit);
        if (!job || !is_pause) return job;
        pause = add_pause(store, pause, context.clock);
        read_around(store, *job, view);
        return job;
    };
    const std::optional<Job> job = co_await context.store.call(change);
    if (!job) refuse_unknown_job(call.id);
    if (is_pause) note_act(context, call.caller, "paused", in_short(pause));
    const std::string_view done = is_pause ? "paused" : "stopped";
    co_return co_await finish(context, call.caller, *job, done, std::move(view));
}

/// It ends the job's own pauses, too; those of its tags and of all jobs stay.
asio::awaitable<Response> start_job(const ApiContext& context, const Call& call)
{
    PauseChoice choice;
    choice.job = parse_job_id("id", call.id);
    const Edit edit = edit_by(context, call);
    JobView view = view_after_change(context);
    std::vector<Pause> ended;
    std::optional<std::string> of_locks;
    const auto change = [&](Store& store) {
        std::optional<Job> job = set_stop(store, choice.job, false, edit);
        if (job) ended = store.pauses().end_pauses(choice, context.clock.now(), edit.by.who);
        if (job) read_around(store, *job, view);
        if (job) of_locks = lock_warning(store, *job);
        return job;
    };
    const std::optional<Job> job = co_await context.store.call(change);
    if (!job) refuse_unknown_job(call.id);
    for (const Pause& pause : ended) {
        note_act(context, call.caller, "pause ended", in_short(pause));
    }
    std::vector<std::string> warnings = warnings_of(context, *job, of_locks);
    co_return co_await finish(context, call.caller, *job, "started", std::move(view),
                              std::move(warnings));
}

asio::awaitable<Response> delete_job(const ApiContext& context, const Call& call)
{
    const JobId id = parse_job_id("id", call.id);
    const Edit edit = edit_by(context, call);
    JobView view = view_after_change(context);
    const auto remove = [&](Store& store) -> std::optional<Job> {
        const std::optional<Job> job = store.find_job(id);
        if (!job) return std::nullopt;
        check_childless(store, std::span(&*job, 1), call.caller.tags);
        view.calendars = read_calendars(store, std::span(&*job, 1), view.now);
        return store.delete_job(id, edit);
    };
    const std::optional<Job> job = co_await context.store.call(remove);
    if (!job) refuse_unknown_job(call.id);
    co_return co_await finish(context, call.caller, *job, "deleted", std::move(view));
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
    router.add({
        .pattern = "/cron/add",
        .methods = {verb::post},
        .role = Role::admin,
        .scope = Scope::filtered,
        .mutates = true,
        .params = {add_params().begin(), add_params().end()},
        .strictness = Strictness::strict,
        .handler = bind(context, add_job),
    });
    router.add({
        .pattern = "/cron/update",
        .methods = {verb::post},
        .role = Role::admin,
        .scope = Scope::filtered,
        .mutates = true,
        .params = {update_params().begin(), update_params().end()},
        .strictness = Strictness::strict,
        .handler = bind(context, update_job),
    });
    router.add({
        .pattern = "/cron/clear",
        .methods = {verb::post},
        .role = Role::admin,
        .mutates = true,
        .params = {{.name = "confirm", .type = ParamType::integer, .required = true},
                   {.name = "reason"}},
        .strictness = Strictness::strict,
        .handler = bind(context, clear_jobs),
    });
    // GET changes something here because the reference's clients do it so.
    std::vector<verb> changing(1, verb::post);
    if (context.changing_gets) changing.push_back(verb::get);
    router.add({
        .pattern = "/cron/stop/{id}",
        .methods = changing,
        .role = Role::operate,
        .scope = Scope::job,
        .mutates = true,
        .params = {{.name = "reason"}, {.name = "until", .type = ParamType::time}},
        .handler = bind(context, stop_job),
    });
    router.add({
        .pattern = "/cron/start/{id}",
        .methods = changing,
        .role = Role::operate,
        .scope = Scope::job,
        .mutates = true,
        .params = {{.name = "reason"}},
        .handler = bind(context, start_job),
    });
    router.add({
        .pattern = "/cron/delete/{id}",
        .methods = changing,
        .role = Role::admin,
        .scope = Scope::job,
        .mutates = true,
        .params = {{.name = "reason"}},
        .handler = bind(context, delete_job),
    });
}

}  // namespace peercron
