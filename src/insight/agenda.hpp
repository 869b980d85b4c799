#pragma once

#include "model/job.hpp"
#include "schedule/calendars.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace peercron {

/// When a job may fire.
struct AgendaJob {
    JobId id = 0;
    OpenFires fires;
    std::optional<std::int64_t> runs_left;  ///< nullopt: any number
};

struct AgendaFire {
    JobId job = 0;
    std::chrono::sys_seconds at{};

    friend bool operator==(const AgendaFire&, const AgendaFire&) = default;
};

/// The fires from `from` on and before `to`, by time and job: those from `offset` on, at most
/// `limit`. Pure.
std::vector<AgendaFire> agenda(std::span<const AgendaJob> jobs, std::chrono::sys_seconds from,
                               std::chrono::sys_seconds to, std::size_t offset, std::size_t limit);

/// The first fire of each job in that time, by time and job: at most `limit`.
std::vector<AgendaFire> first_fires(std::span<const AgendaJob> jobs, std::chrono::sys_seconds from,
                                    std::chrono::sys_seconds to, std::size_t limit);

/// How many fires there are in each minute.
struct FiresByMinute {
    std::chrono::sys_seconds from{};  ///< a whole minute; fires before the asked time do not count
    std::vector<std::int64_t> fires;
};
FiresByMinute fires_by_minute(std::span<const AgendaJob> jobs, std::chrono::sys_seconds from,
                              std::chrono::sys_seconds to);

/// How many there are.
std::int64_t count_fires(std::span<const AgendaJob> jobs, std::chrono::sys_seconds from,
                         std::chrono::sys_seconds to);

}  // namespace peercron
