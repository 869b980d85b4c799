#pragma once

#include "base/result.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace peercron {

/// What the fields of a cron expression allow. Bit n stands for the value n unless said otherwise.
struct CronFields {
    std::uint64_t seconds = 0;  ///< with `periodic` the interval in seconds, with `once` the moment
    std::uint64_t minutes = 0;
    std::array<std::uint64_t, 4> years{};  ///< bit n of all: the year 1970 + n
    std::uint32_t days = 0;
    std::uint32_t days_from_end = 0;     ///< L-n: n days before the last day of the month
    std::uint32_t nearest_workday = 0;   ///< nW; bit 0 is LW
    std::uint32_t workday_from_end = 0;  ///< L-nW: the workday nearest to L-n
    std::uint32_t hours : 24 = 0;
    bool periodic : 1 = false;         ///< @every: nothing but `seconds` counts
    bool once : 1 = false;             ///< @at: likewise; Unix seconds
    bool both_days : 1 = false;        ///< day and weekday must both match (else either)
    bool by_elapsed_time : 1 = false;  ///< hour or minute begins with `*`
    bool every_day : 1 = false;        ///< day, month, weekday and year leave out nothing
    std::uint16_t months = 0;
    std::array<std::uint8_t, 5> nth_weekday{};  ///< [k] bit w: the (k+1)th w; all five: every w
    std::uint8_t last_weekday = 0;              ///< 5L; bit 0 is Sunday

    friend bool operator==(const CronFields&, const CronFields&) = default;
};

/// What a search has learnt about the months of one expression; there are 28 kinds of months. It
/// bounds a search through centuries, and a search that continues later can reuse it.
class MonthTable {
public:
    /// The days, bits 1 to 31, that the day and weekday fields allow in a month of `length` days
    /// that begins on this weekday (0 is Sunday).
    std::uint32_t days(const CronFields& fields, unsigned length, unsigned first_weekday);

private:
    std::uint32_t known_ = 0;
    std::array<std::uint32_t, 28> days_;  // valid where known_ says so
};

/// A parsed cron expression: which local times it names. An immutable value of 80 bytes.
///
/// Six fields `second minute hour day month weekday`; five mean second 0; seven add the year.
///
/// | element | meaning |
/// | --- | --- |
/// | `*` | every value |
/// | `5`, `1,3`, `1-5` | a value, a list, a range |
/// | `JAN`, `SUN` | months and weekdays have names; 0 and 7 are Sunday |
/// | `22-4`, `FRI-MON` | a range that wraps around; not for years |
/// | `*/15`, `10-40/5` | every 15th of all, every 5th of the range |
/// | `5/15` | every 15th from 5 to the maximum |
/// | `?` | no restriction; only in day and weekday |
/// | `L`, `L-3` | the last day of the month, 3 days before it |
/// | `15W`, `LW`, `L-3W` | the workday (Monday to Friday) of the month nearest to that day |
/// | `5L`, `5#2` | the last, the second Friday of the month |
/// | `H`, `H(0-29)`, `H/15` | a value, or where steps start, spread by the job's id (days 1-28) |
/// | `@yearly @annually @monthly @weekly @daily @midnight @hourly` | as in crontab(5) |
/// | `@every 1h30m` | every multiple of the interval since 1970-01-01T00:00:00Z; 1s to 365d |
/// | `@at 2027-01-01T00:00:00Z` | once, at this moment (RFC 3339, whole seconds, 1970 to 2199) |
///
/// Day and weekday: when both are restricted either may match; when one is `?` or begins with `*`
/// both must (crontab(5) of Vixie cron; cronie's src/cron.c, find_jobs()).
///
/// `@every` is anchored to the epoch, not to the start of anything, because the identity of a fire
/// must not depend on who plans it. `H` hashes with SplitMix64 (Steele, Lea, Flood, OOPSLA 2014)
/// for the same reason: the value of a job never changes.
class Expression {
public:
    static constexpr int first_year = 1970;
    static constexpr int last_year = 2199;

    /// Understands `text`; `hash_seed`, the job's id, places `H`. The error names the field, what
    /// was found and what is allowed. An expression that names no moment at all (30 February) is
    /// an error; one whose years are past is not.
    static Result<Expression> parse(std::string_view text, std::int64_t hash_seed);

    /// The first local time named that is not before `from`; none after the last year.
    /// Not for @every and @at, which know no local time. Takes no longer than some microseconds.
    std::optional<std::chrono::local_seconds> first_match(std::chrono::local_seconds from) const;

    /// The same, reusing what earlier calls have learnt; `months` must belong to this expression
    /// alone.
    std::optional<std::chrono::local_seconds> first_match(std::chrono::local_seconds from,
                                                          MonthTable& months) const;

    /// The interval of @every.
    std::optional<std::chrono::seconds> interval() const;

    /// The moment of @at.
    std::optional<std::chrono::sys_seconds> moment() const;

    const CronFields& fields() const { return fields_; }

    /// Whether they name the same times, however they are written.
    friend bool operator==(const Expression&, const Expression&) = default;

private:
    explicit Expression(const CronFields& fields) : fields_(fields) {}

    CronFields fields_;
};

static_assert(sizeof(Expression) == 80, "a million jobs are kept in memory");

}  // namespace peercron
