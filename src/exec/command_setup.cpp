#include "exec/command_setup.hpp"

#include "base/utf8.hpp"
#include "exec/command_line.hpp"
#include "model/run_request.hpp"

#include <grp.h>
#include <pwd.h>
#include <spdlog/fmt/fmt.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

namespace peercron {
namespace {

struct SystemUser {
    ProgramUser user;
    std::string home;
    std::string shell;
};

std::string_view name_of(std::string_view variable)
{
    return variable.substr(0, variable.find('='));
}

std::vector<gid_t> groups_of(const std::string& name, gid_t group)
{
    int count = 32;
    for (;;) {
        std::vector<gid_t> groups(static_cast<std::size_t>(count));
        const int found = ::getgrouplist(name.c_str(), group, groups.data(), &count);
        groups.resize(static_cast<std::size_t>(count));
        if (found >= 0) return groups;
    }
}

/// The error says that there is no such user, or why nobody knows.
Result<SystemUser> find_user(const std::string& name)
{
    passwd entry{};
    passwd* found = nullptr;
    std::vector<char> texts(1024);
    int error = 0;
    do {
        texts.resize(texts.size() * 2);
        error = ::getpwnam_r(name.c_str(), &entry, texts.data(), texts.size(), &found);
    } while (error == ERANGE);
    if (found == nullptr && error != 0) {
        return Error{fmt::format("run_as: user {} cannot be looked up: {}", name,
                                 std::generic_category().message(error))};
    }
    if (found == nullptr) return Error{fmt::format("run_as: this node has no user {}", name)};
    SystemUser account;
    account.user.user = entry.pw_uid;
    account.user.group = entry.pw_gid;
    account.user.groups = groups_of(name, entry.pw_gid);
    account.home = entry.pw_dir;
    account.shell = *entry.pw_shell == '\0' ? "/bin/sh" : entry.pw_shell;
    return account;
}

mode_t umask_of(const std::string& octal)
{
    constexpr int base = 8;
    unsigned mask = 0;
    std::from_chars(octal.data(), octal.data() + octal.size(), mask, base);
    return mask;
}

/// Adds a variable, in the place of another one of its name.
void set_variable(std::vector<std::string>& environment, std::string variable)
{
    const auto is_same = [name = name_of(variable)](const std::string& earlier) {
        return name_of(earlier) == name;
    };
    std::erase_if(environment, is_same);
    environment.push_back(std::move(variable));
}

ResourceLimits limits_of(const Job& job)
{
    return {job.memory_max, job.cpu_max, job.pids_max};
}

void become(const SystemUser& account, const Job& job, CommandSetup& setup)
{
    constexpr mode_t usual_umask = 022;
    setup.setting.user = account.user;
    setup.setting.umask = usual_umask;
    setup.setting.folders = {account.home, "/"};
    setup.environment.push_back("HOME=" + account.home);
    setup.environment.push_back("PWD=" + account.home);
    setup.environment.push_back("USER=" + job.run_as.get());
    setup.environment.push_back("LOGNAME=" + job.run_as.get());
    setup.environment.push_back("SHELL=" + account.shell);
}

}  // namespace

Result<FileDescriptor, SpawnFailure> input_with(const std::string& text)
{
    FileDescriptor file(::memfd_create("stdin", MFD_CLOEXEC));
    if (!file) return cannot_give("stdin", errno);
    for (std::string_view rest = text; !rest.empty();) {
        const ssize_t size = ::write(file.get(), rest.data(), rest.size());
        if (size < 0) return cannot_give("stdin", errno);
        rest.remove_prefix(static_cast<std::size_t>(size));
    }
    if (::lseek(file.get(), 0, SEEK_SET) != 0) return cannot_give("stdin", errno);
    return file;
}

CommandSetups::CommandSetups(CommandRules rules)
    : rules_(std::move(rules)), secrets_(rules_.secrets)
{}

bool CommandSetup::replaces(const std::string& variable) const
{
    const auto is_same = [name = name_of(variable)](const std::string& own) {
        return name_of(own) == name;
    };
    return std::ranges::any_of(environment, is_same);
}

std::optional<std::string> CommandSetups::refusal(const Job& job, const std::string& command) const
{
    if (!job.run_as.empty()) {
        if (std::ranges::find(rules_.users, job.run_as.get()) == rules_.users.end()) {
            return fmt::format(
                "run_as: this node runs nothing as {}; its [exec] run_as {}", job.run_as.get(),
                rules_.users.empty() ? "is empty"
                                     : fmt::format("allows {}", fmt::join(rules_.users, ", ")));
        }
        if (::geteuid() != 0) {
            return fmt::format(
                "run_as: this node runs as user {}, and only one of root can run commands as {}",
                ::geteuid(), job.run_as.get());
        }
        if (const auto account = find_user(job.run_as); !account) return account.error().message;
    }
    if (auto no = secrets_.refusal(job.secrets)) return no;
    if (auto no = rules_.control_groups->refusal(limits_of(job))) return no;
    if (limits_programs()) {
        if (!job.env.empty()) {
            return "env: this node runs only commands from its [exec] command_dirs, and variables "
                   "could make them load others";
        }
        if (const auto program = allowed_program(command); !program) {
            return program.error().message;
        }
    }
    return std::nullopt;
}

Result<std::unique_ptr<CommandSetup>, SpawnFailure> CommandSetups::make(const RunOrder& order) const
{
    using Made = std::unique_ptr<CommandSetup>;
    if (order.fields.empty() && !limits_programs()) return Made();
    const Job& wanted = order.fields.job();
    if (auto no = refusal(wanted, order.command)) return SpawnFailure{*no, false, Cause::refused};
    Made setup = std::make_unique<CommandSetup>();
    if (limits_programs()) setup->program = allowed_program(order.command).value();
    if (!wanted.run_as.empty()) {
        const auto account = find_user(wanted.run_as);
        if (!account) return SpawnFailure{account.error().message, false, Cause::refused};
        become(*account, wanted, *setup);
    }
    if (!wanted.work_dir.empty()) {
        setup->setting.folders.assign(1, wanted.work_dir);
        set_variable(setup->environment, "PWD=" + wanted.work_dir.get());
    }
    if (!wanted.umask.empty()) setup->setting.umask = umask_of(wanted.umask);
    setup->setting.nice = static_cast<int>(wanted.nice);
    for (std::string& variable : input_variables(wanted.inputs, order.inputs)) {
        setup->environment.push_back(std::move(variable));
    }
    for (const std::string& variable : wanted.env) set_variable(setup->environment, variable);
    if (!wanted.secrets.empty()) {
        const auto& user = setup->setting.user;
        auto given = secrets_.give(wanted.secrets, user ? &*user : nullptr);
        if (!given) return given.error();
        set_variable(setup->environment, "PEERCRON_SECRETS_DIR=" + given->folder->path().string());
        setup->secrets = std::move(given->folder);
        setup->mask = std::move(given->mask);
    }
    if (const ResourceLimits limits = limits_of(wanted); limits.any()) {
        auto group = rules_.control_groups->make(limits);
        if (!group) return group.error();
        setup->control_group = *std::move(group);
        setup->setting.cgroup = setup->control_group->processes();
    }
    if (!wanted.stdin_text.empty()) {
        auto input = input_with(wanted.stdin_text);
        if (!input) return input.error();
        setup->input = *std::move(input);
    }
    return setup;
}

/// The file that a command is, where commands must come from some folders: the first word of a
/// command that needs no shell, as an absolute path or as the name of a file in one of them. Links
/// are followed: the file itself is there.
Result<std::string> CommandSetups::allowed_program(const std::string& command) const
{
    namespace fs = std::filesystem;
    const auto refused = [this](const std::string& why) {
        return Error{fmt::format(
            "command: this node runs only programs from {} ([exec] command_dirs), with plain words "
            "as arguments and without a shell; {}",
            fmt::join(rules_.folders, ", "), why)};
    };
    const auto words = plain_words(command);
    if (!words) return refused("this one needs a shell");
    const fs::path name = words->front();
    const bool is_bare = name == name.filename();
    if (!is_bare && !name.is_absolute()) {
        return refused(fmt::format("{} is a relative path", quote_utf8(words->front())));
    }
    for (const std::string& folder : rules_.folders) {
        std::error_code error;
        const fs::path allowed = fs::canonical(folder, error);
        if (error) continue;
        const fs::path file = fs::canonical(is_bare ? allowed / name : name, error);
        if (error) continue;
        const auto [end, rest] = std::ranges::mismatch(allowed, file);
        if (end == allowed.end() && rest != file.end()) {
            return {boost::system::in_place_value, file.string()};
        }
    }
    return refused(fmt::format("{} is in none of them", quote_utf8(words->front())));
}

}  // namespace peercron
