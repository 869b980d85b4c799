#include "api_fixture.hpp"

#include "model/run_request.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <utility>

namespace peercron::testing {
namespace {

asio::awaitable<Result<void>> announce(std::vector<std::vector<JobId>>& announced,
                                       const std::string& error, std::vector<JobId> jobs)
{
    announced.push_back(std::move(jobs));
    if (!error.empty()) co_return Error{error};
    co_return Result<void>();
}

asio::awaitable<void> look_for_accounts(AccessBook& access, bool& has_looked)
{
    const Directory directory = access.directory();
    co_await directory.has_entries();
    has_looked = true;
}

}  // namespace

ApiTest::ApiTest()
    : pool_(io_.get_executor(), 1, [this] { return std::make_unique<FakeStore>(tables_); }),
      access_(pool_, clock_, tasks_),
      context_{
          .store = pool_,
          .clock = clock_,
          .coordinator = coordinator_,
          .budget = budget_,
          .streams = streams_,
          .tasks = tasks_,
          .access = access_,
          .announce =
              [this](std::vector<JobId> jobs) {
                  return announce(announced_, announce_error_, std::move(jobs));
              },
          .run_now = [this](JobId job, std::string by) { return run_now(job, std::move(by)); },
          .retry_run = [this](RunId run, std::string by) { return retry_run(run, std::move(by)); },
          .end_run = [this](RunId run, Reason why) { return end_run(run, std::move(why)); },
          .output_at = nullptr,
          .test_channel =
              [this](NoticeChannel channel) { return test_channel(std::move(channel)); },
          .refusal = [this](const Job& job) -> std::optional<std::string> {
              if (refused_user_.empty() || job.run_as != refused_user_) return std::nullopt;
              return "run_as: not here";
          },
          .job_news =
              [this](std::uint64_t after) {
                  JobNews news = job_news_;
                  if (news.jobs && after == news.through) news.jobs->clear();
                  return news;
              },
          .jobs_known = [this] { return tables_.jobs.size(); },
          .pauses = [this]() -> const Pauses& { return pauses_ = Pauses(tables_.pauses); },
          .loads = [this] { return loads_; },
          .epoch = [] { return Epoch{17}; },
          .store_trouble = [this] { return store_trouble_; },
          .clock_state = [this] { return clock_state_; },
          .journal = [this] { return journal_; },
          .certificate_expiry = [this] { return certificate_expiry_; },
          .not_ready = [this] { return not_ready_; },
          .metrics = metrics_,
          .node = "127.0.0.1:9991",
          .version = "1.2.3",
          .default_time_zone = "UTC",
          .rules = {.trusted_proxies = {"127.0.0.1"},
                    .user_header = "X-Remote-User",
                    .hosts = Hosts::this_machine},
      }
{
    // As at a node that has run for a while: none of the calls looks for accounts.
    bool has_looked = false;
    asio::co_spawn(io_, look_for_accounts(access_, has_looked), asio::detached);
    while (!has_looked) io_.run_one();
    io_.restart();
}

asio::awaitable<Result<RunId>> ApiTest::run_now(JobId job, std::string by)
{
    if (!announce_error_.empty()) co_return Error{announce_error_};
    LogRow row;
    row.id = 500;
    row.run.id = RunId{job, clock_.time + std::chrono::milliseconds(1), 1};
    row.run.state = RunState::planned;
    row.run.rehearsal = is_rehearsal(by);
    row.requested_by = std::move(by);
    tables_.log.push_back(row);
    co_return row.run.id;
}

asio::awaitable<Result<RunId>> ApiTest::retry_run(RunId run, std::string by)
{
    if (!announce_error_.empty()) co_return Error{announce_error_};
    LogRow row;
    row.id = 501;
    row.run.id = RunId{run.job, run.scheduled_at, run.attempt + 1};
    row.run.state = RunState::planned;
    row.requested_by = std::move(by);
    tables_.log.push_back(row);
    co_return row.run.id;
}

asio::awaitable<Result<void>> ApiTest::end_run(RunId run, Reason why)
{
    if (!announce_error_.empty()) co_return Error{announce_error_};
    ended_.emplace_back(run, std::move(why));
    co_return Result<void>();
}

asio::awaitable<SendReport> ApiTest::test_channel(NoticeChannel channel)
{
    tested_.push_back(std::move(channel));
    co_return test_report_;
}

ApiTest::~ApiTest()
{
    stop();
}

Router ApiTest::make_router()
{
    return make_api_router(context_);
}

Job& ApiTest::insert_job(std::string_view command)
{
    Job job;
    job.cron_set = "*/1 * * * * *";
    job.command = command;
    return tables_.insert(std::move(job));
}

}  // namespace peercron::testing
