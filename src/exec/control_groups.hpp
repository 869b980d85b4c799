#pragma once

#include "base/file_descriptor.hpp"
#include "base/result.hpp"
#include "exec/spawn_failure.hpp"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peercron {

/// What a command and all that it starts may use together; 0 = no limit.
struct ResourceLimits {
    std::int64_t memory = 0;     ///< bytes; there is no swap beyond it
    std::int64_t cpu = 0;        ///< percent of one core
    std::int64_t processes = 0;  ///< and threads

    bool any() const { return memory > 0 || cpu > 0 || processes > 0; }
};

class ControlGroup;

/// The control groups of a node's commands. Source: the kernel's cgroup-v2.rst; systemd's
/// CGROUP_DELEGATION.md.
///
/// Thread-safe.
class ControlGroups {
public:
    /// None: this node cannot limit anything, and `why` says why.
    explicit ControlGroups(std::string why) : why_not_(std::move(why)) {}

    /// They are made in the folder `root`, a group without processes of its own. Controllers are
    /// switched on for them where they are there. Groups that an earlier process has left there are
    /// removed.
    explicit ControlGroups(std::filesystem::path root);

    /// Takes over the group that this process runs in, if the service manager has given it away:
    /// processes in it move to a group of their own below it, "node", because the kernel does not
    /// let a group have both. Call it before there are commands.
    static std::unique_ptr<ControlGroups> of_this_process();

    /// Why a command cannot have these limits here; nullopt: it can.
    std::optional<std::string> refusal(const ResourceLimits& limits) const;

    /// The error names the file that refused.
    Result<std::unique_ptr<ControlGroup>, SpawnFailure> make(const ResourceLimits& limits);

private:
    friend class ControlGroup;

    void remove(std::filesystem::path group);

    std::filesystem::path root_;
    std::string why_not_;
    std::vector<std::string> controllers_;  // that are on
    std::atomic<std::uint64_t> last_number_ = 0;
    std::mutex mutex_;
    std::vector<std::filesystem::path> left_;  // that still had processes when they were to go
};

/// The control group of one command. It is removed with this, or, while something that the command
/// has left behind is still in it, later.
class ControlGroup {
public:
    ControlGroup(ControlGroups& groups, std::filesystem::path path);
    ControlGroup(const ControlGroup&) = delete;
    ControlGroup& operator=(const ControlGroup&) = delete;
    ~ControlGroup();

    /// Its file `cgroup.procs`, for ProgramSetting; to be closed when the command has been started.
    int processes() const { return processes_.get(); }
    void close() { processes_.close(); }

    /// Whether the kernel has killed something in it because there was no memory left.
    bool ran_out_of_memory() const;

private:
    friend class ControlGroups;

    ControlGroups& groups_;
    std::filesystem::path path_;
    FileDescriptor processes_;
};

}  // namespace peercron
