#include "model/jitter.hpp"

#include "model/hash.hpp"

#include <cstdint>

namespace peercron {

std::chrono::milliseconds start_offset(JobId job, std::chrono::seconds jitter, WallTime fire)
{
    using std::chrono::milliseconds;
    if (jitter.count() <= 0) return milliseconds(0);
    std::uint64_t hash = mix(0, static_cast<std::uint64_t>(job));
    hash = mix(hash, static_cast<std::uint64_t>(to_unix_millis(fire)));
    const auto choices = static_cast<std::uint64_t>(milliseconds(jitter).count()) + 1;
    return milliseconds(static_cast<std::int64_t>(hash % choices));
}

std::optional<WallTime> delayed_start(const Job& job, WallTime fire)
{
    if (!has_schedule(job)) return std::nullopt;
    const auto offset = start_offset(job.id, job.jitter, fire);
    if (offset.count() == 0) return std::nullopt;
    return fire + offset;
}

}  // namespace peercron
