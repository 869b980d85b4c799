#include "model/job.hpp"

namespace peercron {

std::chrono::seconds timeout_of(const Job& job)
{
    // A server that never answers would keep its slot for ever, and nothing would show it.
    constexpr std::chrono::seconds of_request{30};
    if (job.kind == JobKind::http && job.timeout.count() == 0) return of_request;
    return job.timeout;
}

Concurrency concurrency_of(const Job& job)
{
    // Its next start waits for the end of the one before it, and for the node that may have that.
    if (job.kind == JobKind::daemon) return {1, Overlap::queue};
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
