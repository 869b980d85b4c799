#include "database.hpp"

#include "store/calendar_store.hpp"
#include "store/sqlite/migrate.hpp"
#include "store/sqlite/sqlite_image.hpp"
#include "store/sqlite/sqlite_store.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <system_error>
#include <utility>

namespace peercron::bench {

using namespace std::chrono_literals;

namespace {

constexpr int calendars = 20;  // besides one for all

}  // namespace

std::vector<Job> every_second(std::size_t count, WallTime changed)
{
    std::vector<Job> jobs;
    for (std::size_t i = 1; i <= count; ++i) {
        Job job;
        job.id = static_cast<JobId>(i);
        job.cron_set = "* * * * * *";
        job.command = "/opt/reports/bin/nightly --tenant 123456 --output /var/reports";
        job.effective_from = changed;
        jobs.push_back(std::move(job));
    }
    return jobs;
}

void dress(Job& job)
{
    job.tags = {fmt::format("department-{}", job.id % 300), "nightly"};
    job.calendar = {fmt::format("!holidays-{}", job.id % calendars), "!freeze"};
    job.jitter = 10min;
}

void add_calendars(StoreImage& image)
{
    Calendar calendar;
    calendar.name = "freeze";
    calendar.dates = "02-29";
    image.calendars().append_calendar(calendar);
    for (int i = 0; i < calendars; ++i) {
        calendar.name = fmt::format("holidays-{}", i);
        calendar.dates = fmt::format("01-01, 12-25..12-26, 2027-07-{:02}", i + 1);
        image.calendars().append_calendar(calendar);
    }
}

void add_many(std::size_t count, const std::function<Job(JobId)>& make,
              const std::function<void(const std::vector<Job>&)>& add)
{
    constexpr std::size_t at_once = 50'000;
    for (std::size_t done = 0; done < count;) {
        std::vector<Job> jobs;
        const std::size_t end = std::min(done + at_once, count);
        for (; done < end; ++done) jobs.push_back(make(static_cast<JobId>(done + 1)));
        add(jobs);
    }
}

void add_jobs(StoreImage& image, const std::vector<Job>& jobs)
{
    std::int64_t last_revision = image.totals().last_revision;
    std::vector<Revision> revisions;
    for (const Job& job : jobs) {
        Revision revision;
        revision.id = ++last_revision;
        revision.job = job.id;
        revision.effective_from = job.effective_from;
        revision.after = definition_of(job);
        revisions.push_back(std::move(revision));
    }
    image.append_jobs(jobs);
    image.append_revisions(revisions);
}

Database::Database(const std::filesystem::path& parent)
{
    std::string name = (parent / "store-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
        throw std::system_error(errno, std::generic_category(), name);
    }
    folder_ = name;
    settings_.path = folder_ / "peercron.db";
    migrate(settings_);
}

Database::~Database()
{
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

void Database::add(const std::vector<Job>& jobs)
{
    SqliteImage image(settings_);
    add_jobs(image, jobs);
}

void Database::add_calendars()
{
    SqliteImage image(settings_);
    bench::add_calendars(image);
}

void Database::set_planned_through(WallTime time)
{
    SqliteImage image(settings_);
    StoredTerm term;
    term.planned_through = time;
    image.finish(term);
}

std::unique_ptr<Store> Database::open() const
{
    return std::make_unique<SqliteStore>(settings_);
}

}  // namespace peercron::bench
