#include "database.hpp"

#include "store/sqlite/migrate.hpp"
#include "store/sqlite/sqlite_image.hpp"
#include "store/sqlite/sqlite_store.hpp"

#include <system_error>
#include <utility>

namespace peercron::bench {

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

std::unique_ptr<Store> Database::open() const
{
    return std::make_unique<SqliteStore>(settings_);
}

}  // namespace peercron::bench
