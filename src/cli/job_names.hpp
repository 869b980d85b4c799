#pragma once

#include "cli/api_client.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>

namespace peercron {

/// The names of jobs, as far as the node knows them: those of deleted jobs as well, from their
/// history. Asks for each job once, and not for one whose name stands in its run.
class JobNames {
public:
    explicit JobNames(ApiClient& client) : client_(client) {}

    /// Gives each run its job's name as "job_name". A node that does not answer that gives none:
    /// the runs themselves are there. Of a list with very many new jobs only some have theirs.
    void note(std::span<boost::json::value> runs);
    void note(boost::json::value& run) { note({&run, 1}); }

private:
    void note_one(boost::json::value& run);
    std::string name_of(std::int64_t job);
    std::string ask(std::int64_t job);

    ApiClient& client_;
    std::map<std::int64_t, std::string> names_;
    std::size_t may_ask_ = 0;  // for this many more jobs of this list
};

/// Gives each job of a list the state of its newest run as "last_state", unless there are more than
/// are asked for one by one.
void note_last_results(ApiClient& client, boost::json::array& jobs);

}  // namespace peercron
