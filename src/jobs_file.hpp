#pragma once

#include "node/own_api.hpp"

#include <boost/asio/awaitable.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace peercron {

/// `serve --jobs FILE`: a file that is the truth about a node's jobs. The node adds, changes and
/// deletes jobs until they are those of the file; then it is left alone until the file is read
/// again.
///
/// A file whose name ends in ".toml" is a job file, as of `peercron apply`: all jobs that have
/// names are its own. Any other is a crontab, as of `peercron import crontab`: its own are the jobs
/// whose names begin with "crontab/" and the file's name. Other jobs stay as they are.
class JobsFile {
public:
    explicit JobsFile(std::filesystem::path path);

    /// What is wrong with the file as it is now, a line each; empty: nothing. That it has no job is
    /// wrong, too: a file that is just being written would delete all of them.
    std::vector<std::string> mistakes() const;

    /// Reads the file and makes the jobs those of it. Ends when that is done, or waits for somebody
    /// to correct the file; the log says so. What is only away for the moment (store, dispatcher)
    /// it waits for.
    asio::awaitable<void> apply(OwnApi& api) const;

private:
    asio::awaitable<void> apply_once(OwnApi& api) const;

    std::filesystem::path path_;
};

}  // namespace peercron
