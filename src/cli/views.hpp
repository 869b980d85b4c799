#pragma once

#include "cli/screen.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace peercron {

/// The API's objects as text for people; all end with a line break unless they are empty. Runs may
/// have "job_name", and jobs "last_state" beside what the API says: see job_names.hpp.

std::string jobs_text(const boost::json::array& jobs, const Screen& screen);
std::string job_text(const boost::json::value& job, const Screen& screen);

/// "12", or "12 (backup)" when it has a name.
std::string job_label(const boost::json::value& job);

/// "3 jobs: 2 enabled, 1 stopped", of an answer of /cron/count.
std::string job_counts_text(const boost::json::value& counts);

/// "12", or "12 backup": the job of a run, or of a finding of the audit.
std::string run_job(const boost::json::value& run);

std::string runs_text(const boost::json::array& runs, const Screen& screen);
std::string run_text(const boost::json::value& run, const Screen& screen);

/// What stands above the lines of run_line().
std::string run_line_titles(const Screen& screen);

/// A run that has ended, on one line, with the columns of the line before it.
std::string run_line(const boost::json::value& run, const Screen& screen);

/// "run 7 of job 12: failed after 1.2s (exit 3)".
std::string outcome_text(const boost::json::value& run);

/// Fires that were missed.
std::string missed_text(const boost::json::array& runs, const Screen& screen);

std::string nodes_text(const boost::json::array& nodes, const Screen& screen);

}  // namespace peercron
