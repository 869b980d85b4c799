#include "model/job.hpp"

namespace peercron {

Job apply(Job job, const JobPatch& patch)
{
    if (patch.name) job.name = *patch.name;
    if (patch.cron_set) job.cron_set = *patch.cron_set;
    if (patch.command) job.command = *patch.command;
    if (patch.remark) job.remark = *patch.remark;
    if (patch.stop) job.stop = *patch.stop;
    if (patch.is_mutex) job.is_mutex = *patch.is_mutex;
    if (patch.start_time) job.start_time = *patch.start_time;
    if (patch.end_time) job.end_time = *patch.end_time;
    if (patch.time_zone) job.time_zone = *patch.time_zone;
    if (patch.timeout) job.timeout = *patch.timeout;
    if (patch.run_limit) job.run_limit = *patch.run_limit;
    if (patch.misfire_window) job.misfire_window = *patch.misfire_window;
    if (patch.delivery) job.delivery = *patch.delivery;
    if (patch.misfire_policy) job.misfire_policy = *patch.misfire_policy;
    if (patch.overlap) job.overlap = *patch.overlap;
    if (patch.max_concurrent) job.max_concurrent = *patch.max_concurrent;
    return job;
}

Concurrency concurrency_of(const Job& job)
{
    Concurrency concurrency;
    if (job.is_mutex) {
        concurrency.limit = 1;
    } else if (job.max_concurrent > 0) {
        concurrency.limit = job.max_concurrent;
    } else if (job.overlap != Overlap::allow) {
        concurrency.limit = 1;
    }
    if (job.overlap != Overlap::allow) concurrency.at_limit = job.overlap;
    return concurrency;
}

}  // namespace peercron
