#include "model/job.hpp"

namespace peercron {

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
