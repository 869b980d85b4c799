#pragma once

#include "base/file_descriptor.hpp"
#include "base/result.hpp"
#include "exec/control_groups.hpp"
#include "exec/secrets.hpp"
#include "exec/spawn_failure.hpp"
#include "exec/start_program.hpp"
#include "model/job.hpp"
#include "wire/message.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peercron {

/// What a node lets commands be.
struct CommandRules {
    std::vector<std::string> users;    ///< that a job may run as
    std::vector<std::string> folders;  ///< that commands come from; empty: from anywhere
    SecretSettings secrets;
    std::shared_ptr<ControlGroups> control_groups =
        std::make_shared<ControlGroups>(std::string("it was given no control group"));
};

/// What one command gets beyond what every command gets. To be kept as long as the command runs.
struct CommandSetup {
    ProgramSetting setting;
    std::vector<std::string> environment;  ///< NAME=value each; these replace the node's own
    FileDescriptor input;                  ///< its standard input, if it has something to read
    std::string program;                   ///< the file to be started, and no shell; empty: any
    std::unique_ptr<SecretFolder> secrets;
    std::optional<SecretMask> mask;  ///< what hides them in its output
    std::unique_ptr<ControlGroup> control_group;

    /// Whether `variable` of the node's own environment is replaced.
    bool replaces(const std::string& variable) const;
};

/// A file in memory that has this text, to be read from its beginning: a standard input.
Result<FileDescriptor, SpawnFailure> input_with(const std::string& text);

/// What this node gives a command, and what it refuses.
///
/// Thread-safe.
class CommandSetups {
public:
    explicit CommandSetups(CommandRules rules);

    /// Why this node does not run such a command; nullopt: it would. Asks the system's users, which
    /// may take a while where they are in a directory.
    std::optional<std::string> refusal(const Job& job, const std::string& command) const;

    /// What an order's command gets; nullptr: nothing. What refusal() says is the error, with that
    /// cause.
    Result<std::unique_ptr<CommandSetup>, SpawnFailure> make(const RunOrder& order) const;

private:
    bool limits_programs() const { return !rules_.folders.empty(); }
    Result<std::string> allowed_program(const std::string& command) const;

    CommandRules rules_;
    Secrets secrets_;
};

}  // namespace peercron
