#include "base/log.hpp"
#include "http/answer.hpp"
#include "http/job_rules.hpp"
#include "http/list_chunks.hpp"
#include "http/routes.hpp"
#include "http/rows.hpp"
#include "http/text.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <optional>

namespace peercron {
namespace {

constexpr std::size_t jobs_per_fetch = 500;
constexpr std::size_t shown_fires = 5;

/// All jobs, read from the store in pieces while they are sent.
class AllJobs final : public ListChunks {
public:
    explicit AllJobs(StorePool& store)
        : ListChunks(fmt::format("{}[", envelope_begin), fmt::format("]{}", envelope_end)),
          store_(store)
    {}

private:
    bool append_row(std::string& out) override
    {
        if (position_ == jobs_.size()) return false;
        JsonWriter json(out);
        write_job(json, jobs_[position_++]);
        return true;
    }

    asio::awaitable<bool> fetch() override
    {
        if (last_) co_return false;
        const JobId after = jobs_.empty() ? 0 : jobs_.back().id;
        const auto read = [after](Store& store) { return store.jobs_after(after, jobs_per_fetch); };
        jobs_ = co_await store_.call(read);
        position_ = 0;
        last_ = jobs_.size() < jobs_per_fetch;
        co_return true;
    }

    StorePool& store_;
    std::vector<Job> jobs_;
    std::size_t position_ = 0;
    bool last_ = false;
};

asio::awaitable<Response> list_jobs(const ApiContext& context, const Call& call)
{
    if (call.params.size() == 0) {
        auto all = std::make_unique<AllJobs>(context.store);
        co_return co_await answer_in_chunks(std::move(all));
    }
    const Page page = read_page(call.params);
    JobQuery query;
    query.search = call.params.text("search");
    query.offset = page.offset;
    query.limit = page.limit;
    const auto find = [&query](Store& store) { return store.find_jobs(query); };
    JobPage found = co_await context.store.call(find);
    auto chunks = page_of(std::move(found.jobs), found.total, write_job);
    co_return co_await answer_in_chunks(std::move(chunks));
}

asio::awaitable<Response> show_job(const ApiContext& context, const Call& call)
{
    const JobId id = parse_job_id("id", call.id);
    const auto find = [id](Store& store) { return store.find_job(id); };
    const std::optional<Job> job = co_await context.store.call(find);
    if (!job) refuse_unknown_job(call.id);
    const NextFires fires =
        next_fires(*job, context.default_time_zone, context.clock.now(), shown_fires);
    const auto write = [&job, &fires](JsonWriter& json) {
        json.begin_object();
        write_job_fields(json, *job);
        json.key("next");
        json.begin_array();
        for (const std::string& time : fires.times) json.value(time);
        json.end_array();
        json.field("schedule_error", fires.problem);
        json.end_object();
    };
    co_return answer(write);
}

/// Tells the dispatcher; what goes wrong on the way is an Error as well.
asio::awaitable<Result<void>> announce(const ApiContext& context, JobId id)
{
    std::string failure;
    try {
        std::vector<JobId> ids(1, id);
        co_return co_await context.announce(std::move(ids));
    } catch (const boost::system::system_error& e) {
        if (e.code() == asio::error::operation_aborted) throw;
        failure = e.what();
    } catch (const std::exception& e) {
        failure = e.what();
    }
    co_return Error{failure};
}

/// The store has the change: logs it, tells the dispatcher, and answers with the job.
/// @param done what was done, "stopped".
asio::awaitable<Response> finish(const ApiContext& context, const Caller& caller, const Job& job,
                                 std::string_view done)
{
    spdlog::info("http: {} at {} {} job {} (cronSet {})", quote_utf8(caller.name), caller.address,
                 done, job.id, quote_utf8(job.cron_set));
    const Result<void> confirmed = co_await announce(context, job.id);
    if (confirmed.has_error()) {
        const std::string message = fmt::format(
            "job {} was {} and this is stored, but no dispatcher has confirmed it yet ({}): a fire "
            "that was handed out before may still happen within the lookahead",
            job.id, done, confirmed.error().message);
        spdlog::warn("http: {}", message);
        throw HttpError(http::status::service_unavailable, message);
    }
    const auto write = [&job](JsonWriter& json) { write_job(json, job); };
    co_return answer(write);
}

asio::awaitable<Response> add_job(const ApiContext& context, const Call& call)
{
    const JobPatch given = read_job_patch(call.params);
    const Job draft = apply(Job(), given);
    check_whole(draft, given, context.default_time_zone);
    const WallTime now = context.clock.now();
    const auto add = [&draft, now](Store& store) { return store.add_job(draft, now); };
    const Job job = co_await context.store.call(add);
    co_return co_await finish(context, call.caller, job, "added");
}

asio::awaitable<Response> update_job(const ApiContext& context, const Call& call)
{
    const std::string given_id = call.params.text("id").value_or("");
    const JobId id = parse_job_id("id", given_id);
    const JobPatch patch = read_job_patch(call.params);
    if (call.params.size() == 1) {
        refuse("nothing to change: only id was given; see /openapi.json for what may be changed");
    }
    const WallTime now = context.clock.now();
    const auto update = [&](Store& store) -> std::optional<Job> {
        const std::optional<Job> job = store.find_job(id);
        if (!job) return std::nullopt;
        check_whole(apply(*job, patch), patch, context.default_time_zone);
        return store.update_job(id, patch, now);
    };
    const std::optional<Job> job = co_await context.store.call(update);
    if (!job) refuse_unknown_job(given_id);
    co_return co_await finish(context, call.caller, *job, "updated");
}

/// A job that stands as wanted already is not written again, but the dispatcher is told all the
/// same: the call may be the second try of one that nobody had confirmed.
asio::awaitable<Response> set_stop(const ApiContext& context, const Call& call, bool stop)
{
    const JobId id = parse_job_id("id", call.id);
    const WallTime now = context.clock.now();
    const auto change = [id, stop, now](Store& store) -> std::optional<Job> {
        std::optional<Job> job = store.find_job(id);
        if (!job || job->stop == stop) return job;
        JobPatch patch;
        patch.stop = stop;
        return store.update_job(id, patch, now);
    };
    const std::optional<Job> job = co_await context.store.call(change);
    if (!job) refuse_unknown_job(call.id);
    const std::string_view done = stop ? "stopped" : "started";
    co_return co_await finish(context, call.caller, *job, done);
}

asio::awaitable<Response> stop_job(const ApiContext& context, const Call& call)
{
    return set_stop(context, call, true);
}

asio::awaitable<Response> start_job(const ApiContext& context, const Call& call)
{
    return set_stop(context, call, false);
}

asio::awaitable<Response> delete_job(const ApiContext& context, const Call& call)
{
    const JobId id = parse_job_id("id", call.id);
    const auto remove = [id](Store& store) { return store.delete_job(id); };
    const std::optional<Job> job = co_await context.store.call(remove);
    if (!job) refuse_unknown_job(call.id);
    co_return co_await finish(context, call.caller, *job, "deleted");
}

}  // namespace

void add_cron_routes(Router& router, const ApiContext& context)
{
    using http::verb;
    router.add({
        .pattern = "/cron/list",
        .methods = {verb::get},
        .role = Role::read,
        .params = {{.name = "page", .type = ParamType::integer},
                   {.name = "limit", .type = ParamType::integer},
                   {.name = "search"}},
        .handler = bind(context, list_jobs),
    });
    router.add({
        .pattern = "/cron/{id}",
        .methods = {verb::get},
        .role = Role::read,
        .handler = bind(context, show_job),
    });
    router.add({
        .pattern = "/cron/add",
        .methods = {verb::post},
        .role = Role::admin,
        .mutates = true,
        .params = {add_params().begin(), add_params().end()},
        .strictness = Strictness::strict,
        .handler = bind(context, add_job),
    });
    router.add({
        .pattern = "/cron/update",
        .methods = {verb::post},
        .role = Role::admin,
        .mutates = true,
        .params = {update_params().begin(), update_params().end()},
        .strictness = Strictness::strict,
        .handler = bind(context, update_job),
    });
    // GET changes something here because the reference's clients do it so.
    router.add({
        .pattern = "/cron/stop/{id}",
        .methods = {verb::get, verb::post},
        .role = Role::operate,
        .mutates = true,
        .handler = bind(context, stop_job),
    });
    router.add({
        .pattern = "/cron/start/{id}",
        .methods = {verb::get, verb::post},
        .role = Role::operate,
        .mutates = true,
        .handler = bind(context, start_job),
    });
    router.add({
        .pattern = "/cron/delete/{id}",
        .methods = {verb::get, verb::post},
        .role = Role::admin,
        .mutates = true,
        .handler = bind(context, delete_job),
    });
}

}  // namespace peercron
