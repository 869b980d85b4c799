#include "cli/calendar_file.hpp"
#include "cli/job_file.hpp"
#include "fuzzers.hpp"

#include <algorithm>
#include <vector>

namespace peercron::fuzz {

/// A job file; what it says is written as it is read.
void fuzz_jobs(std::string_view bytes)
{
    const JobFile file = read_job_file(bytes, "fuzz.toml");
    for (const auto& mistake : file.mistakes) {
        promise(mistake.starts_with("fuzz.toml"), "a mistake says where it is");
    }
    if (!file.mistakes.empty()) return;
    std::vector<Job> jobs;
    for (const FileJob& read : file.jobs) jobs.push_back(read.job);
    const JobFile again = read_job_file(write_job_file(jobs, file.calendars), "again.toml");
    promise(again.mistakes.empty(), "what is written can be read");
    promise(std::ranges::equal(jobs, again.jobs, {}, {}, &FileJob::job),
            "jobs are written as they are read");
    promise(calendar_calls(file.calendars, again.calendars).empty(),
            "calendars are written as they are read");
}

}  // namespace peercron::fuzz
