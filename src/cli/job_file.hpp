#pragma once

#include "cli/input_file.hpp"
#include "model/calendar.hpp"
#include "model/job.hpp"
#include "model/notice_channel.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// A job as a job file describes it.
struct FileJob {
    Job job;                   ///< name and everything that a person decides; id and counters are 0
    std::optional<bool> stop;  ///< not said: it is stopped or not as it is
    std::size_t line = 0;      ///< from 1
};

struct JobFile {
    std::vector<FileJob> jobs;            ///< by name
    std::vector<NoticeChannel> channels;  ///< likewise; see read_file_channel()
    std::vector<Calendar> calendars;      ///< likewise; see read_file_calendar()
    std::vector<std::string> mistakes;    ///< all of them, each with file, line and column
};

/// The keys of a table of a job, as people read them.
std::vector<std::string_view> job_file_keys();

/// Reads a job file: TOML with a table [job.NAME] per job, [channel.NAME] per channel and
/// [calendar.NAME] per calendar, whose keys have the names of the API's fields. Pure, but for
/// `read_other`. A key that is left out means the default, but `stop`. What only the node can judge
/// (a name, how much a column takes) is left to it.
/// @param source the file's name, for the mistakes.
/// @param read_other reads a file that a calendar names; without it such a name is a mistake.
JobFile read_job_file(std::string_view text, std::string_view source,
                      const ReadFile& read_other = {});

/// The jobs, by name, and the calendars as a job file, which read_job_file() reads back. All jobs
/// have names.
std::string write_job_file(std::span<const Job> jobs, std::span<const Calendar> calendars = {});

}  // namespace peercron
