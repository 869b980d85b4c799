#pragma once

#include "base/clock.hpp"
#include "model/notice.hpp"
#include "model/notice_defaults.hpp"
#include "model/run.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// Something that is wrong with a job for the time being.
struct Alarm {
    WallTime since{};
    std::int64_t count = 0;           ///< how often it was seen
    std::optional<WallTime> told_at;  ///< not set: nobody was told
    std::optional<Notice::Run> run;   ///< the first one; without its output

    friend bool operator==(const Alarm&, const Alarm&) = default;
};

/// A fire with several parts, of which some have ended for good.
struct WatchedFire {
    WallTime at{};
    std::string parts;     ///< how each ended: a letter, '-' for one that has not
    std::string odd = {};  ///< what some of them were: 'l' late, 's' slow, 'f' fast

    friend bool operator==(const WatchedFire&, const WatchedFire&) = default;
};

/// The kinds of notices that an alarm is about.
inline constexpr std::array<NoticeKind, 6> alarm_kinds{NoticeKind::failing, NoticeKind::missed,
                                                       NoticeKind::late,    NoticeKind::slow,
                                                       NoticeKind::silent,  NoticeKind::fast};

/// What NoticeRules keep of a job between two looks.
struct WatchedJob {
    WallTime watched_since{};
    std::array<std::optional<Alarm>, alarm_kinds.size()> alarms;  ///< by alarm_kinds
    std::optional<WallTime> last_success;                         ///< when it ended
    WallTime newest_end{};                    ///< of the runs that were looked at
    std::optional<RunId> last_run;            ///< that was looked at, …
    RunState last_state = RunState::planned;  ///< … and how it had ended
    std::vector<WatchedFire> fires;           ///< the newest, oldest first
    std::optional<WallTime> forgotten_fire;   ///< the newest that is not kept any more
    std::vector<WallTime> changes;            ///< of the last hour: notices about changes
    std::optional<WallTime> flapping_since;
    Expectation inherited;       ///< what others than the job expect of it, and …
    WallTime inherited_since{};  ///< … since when they do

    std::optional<Alarm>& alarm(NoticeKind kind);
    const std::optional<Alarm>& alarm(NoticeKind kind) const;

    friend bool operator==(const WatchedJob&, const WatchedJob&) = default;
};

/// As JobWatch::text has it.
std::string watch_text(const WatchedJob& watched);

/// A text that cannot be read is that of a job that is looked at for the first time at `now`.
WatchedJob read_watch(std::string_view text, WallTime now);

}  // namespace peercron
