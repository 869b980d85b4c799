#include "exec/control_groups.hpp"

#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

namespace peercron {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view group_prefix = "run-";

std::string text_of_error(int error)
{
    return std::generic_category().message(error);
}

/// One write(2), as these files want it. 0, or errno.
int write_to(const fs::path& file, std::string_view text)
{
    const FileDescriptor descriptor(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
    if (!descriptor || ::write(descriptor.get(), text.data(), text.size()) < 0) return errno;
    return 0;
}

std::string read_file(const fs::path& path)
{
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::vector<std::string> words_in(const fs::path& path)
{
    std::istringstream text(read_file(path));
    std::vector<std::string> words;
    for (std::string word; text >> word;) words.push_back(word);
    return words;
}

/// Where the groups of version 2 are, and the part of their tree that is there: proc(5),
/// /proc/pid/mountinfo.
struct GroupMount {
    std::string folder;
    std::string part;
};
std::optional<GroupMount> find_mount()
{
    std::istringstream lines(read_file("/proc/self/mountinfo"));
    for (std::string line; std::getline(lines, line);) {
        if (line.find(" - cgroup2 ") == std::string::npos) continue;
        std::istringstream words(line);
        std::string word;
        GroupMount mount;
        words >> word >> word >> word >> mount.part >> mount.folder;
        return mount;
    }
    return std::nullopt;
}

/// The folder of the group that this process is in. The error says why there is none.
Result<fs::path> own_group()
{
    const auto mount = find_mount();
    if (!mount) return Error{"this machine has no control groups of version 2"};
    constexpr std::string_view version_2 = "0::";
    std::istringstream lines(read_file("/proc/self/cgroup"));
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with(version_2)) continue;
        std::string path = line.substr(version_2.size());
        if (mount->part != "/" && path.starts_with(mount->part)) path.erase(0, mount->part.size());
        return {boost::system::in_place_value,
                fs::path(mount->folder) / fs::path(path).relative_path()};
    }
    return Error{"this process is in no control group of version 2"};
}

bool has_mark(const fs::path& group, const char* name)
{
    char mark = 0;
    return ::getxattr(group.c_str(), name, &mark, 1) == 1 && mark == '1';
}

/// Whether the service manager has given the group away: systemd marks it. The root of a container
/// is the container's, too; only the root of all groups has no type.
bool is_delegated(const fs::path& group)
{
    if (has_mark(group, "user.delegate") || has_mark(group, "trusted.delegate")) return true;
    const auto mount = find_mount();
    std::error_code error;
    return mount && fs::equivalent(group, mount->folder, error) &&
           fs::exists(group / "cgroup.type", error);
}

/// Moves the processes of a group to one below it. False: errno says why.
bool move_processes(const fs::path& from, const fs::path& to)
{
    constexpr mode_t usual = 0755;
    if (::mkdir(to.c_str(), usual) != 0 && errno != EEXIST) return false;
    for (const std::string& pid : words_in(from / "cgroup.procs")) {
        const int error = write_to(to / "cgroup.procs", pid);
        if (error == 0 || error == ESRCH) continue;  // it has ended since
        errno = error;
        return false;
    }
    return true;
}

}  // namespace

ControlGroups::ControlGroups(fs::path root) : root_(std::move(root))
{
    const std::vector<std::string> there = words_in(root_ / "cgroup.controllers");
    for (const std::string name : {"memory", "cpu", "pids"}) {
        if (std::ranges::find(there, name) == there.end()) continue;
        const int error = write_to(root_ / "cgroup.subtree_control", "+" + name);
        if (error == 0) {
            controllers_.push_back(name);
        } else {
            spdlog::warn("executor: the controller {} of {} cannot be switched on: {}", name,
                         root_.string(), text_of_error(error));
        }
    }
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(root_, error)) {
        const std::string name = entry.path().filename();
        if (name.starts_with(group_prefix)) remove(entry.path());
    }
}

std::unique_ptr<ControlGroups> ControlGroups::of_this_process()
{
    const auto group = own_group();
    if (!group) return std::make_unique<ControlGroups>(group.error().message);
    // With DelegateSubgroup= systemd has started this process in a group below it.
    if (!is_delegated(*group) && is_delegated(group->parent_path())) {
        return std::make_unique<ControlGroups>(group->parent_path());
    }
    if (!is_delegated(*group)) {
        return std::make_unique<ControlGroups>(
            fmt::format("its control group {} was not given to it; systemd does so with "
                        "Delegate=yes in the unit",
                        group->string()));
    }
    if (!move_processes(*group, *group / "node")) {
        return std::make_unique<ControlGroups>(
            fmt::format("{}: {}", (*group / "node").string(), text_of_error(errno)));
    }
    return std::make_unique<ControlGroups>(*group);
}

std::optional<std::string> ControlGroups::refusal(const ResourceLimits& limits) const
{
    struct Wish {
        std::string_view field;
        std::string_view controller;
        bool is_there;
    };
    const std::array<Wish, 3> wishes{{{"memory_max", "memory", limits.memory > 0},
                                      {"cpu_max", "cpu", limits.cpu > 0},
                                      {"pids_max", "pids", limits.processes > 0}}};
    for (const Wish& wish : wishes) {
        if (!wish.is_there) continue;
        if (!why_not_.empty()) {
            return fmt::format("{}: this node cannot limit it: {}", wish.field, why_not_);
        }
        if (std::ranges::find(controllers_, wish.controller) == controllers_.end()) {
            return fmt::format("{}: this node cannot limit it: {} has no controller {}", wish.field,
                               root_.string(), wish.controller);
        }
    }
    return std::nullopt;
}

Result<std::unique_ptr<ControlGroup>, SpawnFailure> ControlGroups::make(
    const ResourceLimits& limits)
{
    constexpr mode_t usual = 0755;
    std::vector<fs::path> left;
    {
        const std::lock_guard lock(mutex_);
        left.swap(left_);
    }
    for (fs::path& group : left) remove(std::move(group));
    fs::path path;
    int error = 0;
    do {
        path = root_ / fmt::format("{}{}", group_prefix, ++last_number_);
        error = ::mkdir(path.c_str(), usual) == 0 ? 0 : errno;
    } while (error == EEXIST);
    if (error != 0) return cannot_give(path.string(), error);
    auto group = std::make_unique<ControlGroup>(*this, path);
    std::vector<std::pair<const char*, std::string>> settings;
    if (limits.memory > 0) {
        settings.emplace_back("memory.max", std::to_string(limits.memory));
        // The kernel ends all of the command, and not one process of it.
        settings.emplace_back("memory.oom.group", "1");
        // Missing where the machine has no swap.
        if (fs::exists(path / "memory.swap.max")) settings.emplace_back("memory.swap.max", "0");
    }
    if (limits.cpu > 0) {
        constexpr std::int64_t period = 100'000;  // microseconds
        settings.emplace_back("cpu.max", fmt::format("{} {}", limits.cpu * period / 100, period));
    }
    if (limits.processes > 0) settings.emplace_back("pids.max", std::to_string(limits.processes));
    for (const auto& [file, value] : settings) {
        error = write_to(path / file, value);
        if (error != 0) return cannot_give((path / file).string(), error);
    }
    group->processes_ =
        FileDescriptor(::open((path / "cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
    if (!group->processes_) return cannot_give((path / "cgroup.procs").string(), errno);
    return group;
}

void ControlGroups::remove(fs::path group)
{
    if (::rmdir(group.c_str()) == 0 || errno != EBUSY) return;
    const std::lock_guard lock(mutex_);
    left_.push_back(std::move(group));
}

ControlGroup::ControlGroup(ControlGroups& groups, fs::path path)
    : groups_(groups), path_(std::move(path))
{}

ControlGroup::~ControlGroup()
{
    groups_.remove(std::move(path_));
}

bool ControlGroup::ran_out_of_memory() const
{
    const std::vector<std::string> events = words_in(path_ / "memory.events");
    const auto kills = std::ranges::find(events, "oom_kill");
    return kills != events.end() && kills + 1 != events.end() && *(kills + 1) != "0";
}

}  // namespace peercron
