#pragma once

#include "cli/file_call.hpp"
#include "cli/job_file.hpp"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace peercron {

/// A job as the API shows it.
Job job_of(const boost::json::value& answer);

/// The fields in which two jobs differ.
std::vector<FieldChange> field_changes(const Job& before, const Job& after);

/// What is to be done for one job.
struct JobChange {
    enum class Kind : unsigned char { add, update, remove };

    Kind kind = Kind::add;
    std::string name;
    JobId id = 0;                     ///< none for a new one
    std::vector<FieldChange> fields;  ///< those that become different; of a new job those that
                                      ///< are not the default
    boost::json::object request;      ///< the parameters of /cron/add or /cron/update
};

/// What makes a node's jobs those of a file. Jobs are the same when their names are; a job without
/// a name belongs to no file and stays.
struct JobComparison {
    std::vector<JobChange> changes;   ///< by name, but in the order of chains; first
                                      ///< what is added or updated
    std::vector<std::string> others;  ///< names that the file does not have; with `prune` none
    std::size_t unchanged = 0;
};

/// Pure. @param prune delete the jobs with names that the file does not have.
JobComparison compare_jobs(std::span<const FileJob> file, std::span<const Job> node, bool prune);

}  // namespace peercron
