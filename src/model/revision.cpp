#include "model/revision.hpp"

namespace peercron {

Job definition_of(Job job)
{
    job.effective_from = {};
    job.counters = {};
    return job;
}

}  // namespace peercron
