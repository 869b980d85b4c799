#pragma once

#include <boost/json/object.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace peercron {

struct FieldChange {
    std::string name;
    std::string before;  ///< for people; empty for what is new
    std::string after;   ///< empty for what is deleted
};

/// A call that makes a channel or a calendar what a job file says. Jobs name them, so all of these
/// calls come before the changes of the jobs.
struct FileCall {
    std::string_view what;  ///< "channel"
    std::string name;
    bool is_new = false;
    std::string target;  ///< "/channel/add"
    boost::json::object parameters;
    std::vector<FieldChange> fields = {};  ///< what becomes different, if anybody can see that
};

}  // namespace peercron
