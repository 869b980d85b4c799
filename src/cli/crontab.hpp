#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// How a crontab is read.
struct CrontabForm {
    std::string source;        ///< what the jobs' names begin with: "backup", "stdin"
    bool has_user = false;     ///< a system crontab: the sixth field is a user
    std::string current_user;  ///< of whom commands need no change of user
    std::string time_zone;     ///< of lines without a CRON_TZ; empty: the node's
    /// Whether this machine has a user of this name; not set: no name counts as a user.
    std::function<bool(const std::string&)> is_user;
};

/// A job as it is to be, from one line of a crontab.
struct CrontabJob {
    std::size_t line = 0;  ///< from 1
    std::string name;      ///< "crontab/SOURCE/SLUG-HASH": the same for the same line
    std::string cron_set;
    std::string command;
    std::string time_zone;
    std::string remark;  ///< the comment above it
};

/// A part of a crontab that is not imported, or imported differently.
struct CrontabNote {
    std::size_t line = 0;
    std::string text;
};

struct CrontabPlan {
    std::vector<CrontabJob> jobs;
    std::vector<CrontabNote> notes;
    std::size_t refused = 0;  ///< jobs of the crontab that cannot be imported
    /// Read without users, though each of its commands begins with one.
    bool looks_like_system = false;
};

/// Reads a crontab as crontab(5) of cronie and of Debian's cron have it. Pure.
///
/// The five fields stay as they are, but `~` of cronie becomes H. The comment above a job becomes
/// its remark, unless it is a line that was commented out. Other settings of a crontab become part
/// of the commands: variables by `export`, another SHELL by calling it, what follows a `%` as
/// standard input, another user by runuser(1). CRON_TZ becomes the job's time zone. @reboot and
/// mail are not imported; a note says so.
CrontabPlan read_crontab(std::string_view text, const CrontabForm& form);

}  // namespace peercron
