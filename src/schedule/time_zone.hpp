#pragma once

#include "base/result.hpp"

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// A time zone as a table: in which periods which offset from UTC holds.
///
/// Immutable after construction, so that any thread may read it.
class TimeZone {
public:
    /// The offset holds from `begin` until just before `end`, where the next period begins.
    struct Period {
        std::chrono::sys_seconds begin;
        std::chrono::sys_seconds end;
        std::chrono::seconds offset;

        std::chrono::local_seconds to_local(std::chrono::sys_seconds time) const
        {
            return std::chrono::local_seconds(time.time_since_epoch() + offset);
        }
        std::chrono::sys_seconds to_sys(std::chrono::local_seconds time) const
        {
            return std::chrono::sys_seconds(time.time_since_epoch() - offset);
        }
    };

    /// What the table covers: every local time of the years 1970 to 2199, wherever on Earth.
    static constexpr std::chrono::sys_seconds begin =
        std::chrono::sys_days(std::chrono::year(1969) / 12 / 30);
    static constexpr std::chrono::sys_seconds end =
        std::chrono::sys_days(std::chrono::year(2200) / 1 / 3);

    /// `periods` cover [begin, end) without a hole, and neighbours differ in offset.
    TimeZone(std::string name, std::vector<Period> periods);

    const std::string& name() const { return name_; }

    /// In order of time; never empty.
    std::span<const Period> periods() const { return periods_; }

    /// Which of periods() holds at `time`; the first before the table begins, the last after its
    /// end.
    std::size_t index_at(std::chrono::sys_seconds time) const;

    std::chrono::seconds offset_at(std::chrono::sys_seconds time) const
    {
        return periods_[index_at(time)].offset;
    }

private:
    std::string name_;
    std::vector<Period> periods_;
    std::vector<std::uint16_t> buckets_;  // equal spans of time → the period at the span's begin
};

/// The zone with this IANA name ("Europe/Berlin", "UTC"), from the system's time zone database.
///
/// Loaded at the first call and kept until the process ends, so that the pointer stays valid. Any
/// thread may call it. UTC needs no database. "localtime" is refused: it means something else
/// on every machine.
Result<const TimeZone*> find_zone(std::string_view name);

}  // namespace peercron
