#pragma once

#include "model/job.hpp"
#include "store/sqlite/sqlite_settings.hpp"
#include "store/store.hpp"
#include "store/store_image.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

namespace peercron::bench {

/// Jobs with the ids from 1 on that are due each second.
std::vector<Job> every_second(std::size_t count, WallTime changed);

/// As a job of a company with many departments is: with tags, calendars and jitter.
void dress(Job& job);

/// The calendars that dress() names.
void add_calendars(StoreImage& image);

/// Makes the jobs with the ids from 1 to `count`, and adds some at a time.
void add_many(std::size_t count, const std::function<Job(JobId)>& make,
              const std::function<void(const std::vector<Job>&)>& add);

/// Adds jobs with their histories, as the API would have; their ids are above those that there are.
void add_jobs(StoreImage& image, const std::vector<Job>& jobs);

/// A store in a file of SQLite, empty at first, removed with the object.
class Database {
public:
    explicit Database(const std::filesystem::path& parent);
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;
    ~Database();

    /// Before any session with it is opened.
    void add(const std::vector<Job>& jobs);
    void add_calendars();
    /// As after a term that has planned until then.
    void set_planned_through(WallTime time);

    std::unique_ptr<Store> open() const;
    const SqliteSettings& settings() const { return settings_; }

private:
    std::filesystem::path folder_;
    SqliteSettings settings_;
};

}  // namespace peercron::bench
