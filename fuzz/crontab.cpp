#include "cli/crontab.hpp"
#include "base/utf8.hpp"
#include "cli/job_file.hpp"
#include "fuzzers.hpp"
#include "schedule/schedule.hpp"

#include <set>
#include <string>
#include <vector>

namespace peercron::fuzz {
namespace {

/// What is imported is what a node takes, and comes back from a job file.
void check(const CrontabPlan& plan)
{
    std::set<std::string> names;
    std::vector<Job> jobs;
    for (const CrontabJob& planned : plan.jobs) {
        promise(names.insert(planned.name).second, "each job has a name of its own");
        promise(is_utf8(planned.name + planned.command + planned.remark), "texts are UTF-8");
        promise(!planned.command.empty(), "each job has a command");
        const std::string zone = planned.time_zone.empty() ? "UTC" : planned.time_zone;
        promise(Schedule::make(planned.cron_set, zone, 1).has_value(),
                "each schedule is understood");
        Job job;
        job.name = planned.name;
        job.cron_set = planned.cron_set;
        job.command = planned.command;
        job.time_zone = planned.time_zone;
        job.remark = planned.remark;
        jobs.push_back(job);
    }
    const JobFile file = read_job_file(write_job_file(jobs), "fuzz.toml");
    promise(file.mistakes.empty(), "what is imported can stand in a job file");
    promise(file.jobs.size() == jobs.size(), "a job file has all jobs");
    for (const FileJob& read : file.jobs)
        promise(names.contains(read.job.name), "a job file keeps names");
    for (const CrontabNote& note : plan.notes) promise(!note.text.empty(), "a note says something");
}

}  // namespace

void fuzz_crontab(std::string_view bytes)
{
    CrontabForm form;
    form.source = "fuzz";
    form.current_user = "root";
    form.is_user = [](const std::string& name) { return name == "root" || name == "www"; };
    check(read_crontab(bytes, form));
    form.has_user = true;
    check(read_crontab(bytes, form));
}

}  // namespace peercron::fuzz
