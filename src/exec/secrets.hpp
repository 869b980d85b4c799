#pragma once

#include "base/result.hpp"
#include "exec/spawn_failure.hpp"
#include "exec/start_program.hpp"

#include <array>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// Puts *** in the place of secrets in what a command writes, also where a secret comes in pieces.
/// A secret of several lines counts as a whole and line by line. Texts of less than four bytes are
/// left alone: they are no secrets, and hiding them would hide everything.
///
/// What may be the beginning of a secret is held back until more has come.
class SecretMask {
public:
    explicit SecretMask(std::span<const std::string> secrets);

    /// The next output, as far as it can be told by now.
    std::string hide(std::string_view output);

    /// What was held back: there will be no more.
    std::string rest();

private:
    std::string take(bool is_end);

    std::vector<std::string> texts_;    // the longest first
    std::array<bool, 256> is_first_{};  // bytes that one of them begins with
    std::string held_;
};

/// A folder with a command's secrets, a file each, that only the command's user can read. It is
/// removed with this.
class SecretFolder {
public:
    explicit SecretFolder(std::filesystem::path path) : path_(std::move(path)) {}
    SecretFolder(const SecretFolder&) = delete;
    SecretFolder& operator=(const SecretFolder&) = delete;
    ~SecretFolder();

    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

struct SecretSettings {
    std::filesystem::path
        source;  ///< the folder with the secrets, a file each; empty: there are none
    /// The folder for those of commands, made when the first one gets some; what an earlier process
    /// has left there is removed then. In memory, so that no disk ever has them.
    std::filesystem::path target;
};

/// The secrets of a node. The contents of a file without line breaks at its end are the secret.
///
/// Thread-safe.
class Secrets {
public:
    explicit Secrets(SecretSettings settings) : settings_(std::move(settings)) {}
    Secrets(const Secrets&) = delete;
    Secrets& operator=(const Secrets&) = delete;
    /// No command may have any left.
    ~Secrets();

    /// Why a command cannot have these; nullopt: it can.
    std::optional<std::string> refusal(std::span<const std::string> names) const;

    /// The error names the secret, and never shows any of it.
    Result<std::string> read(const std::string& name) const;

    struct Given {
        std::unique_ptr<SecretFolder> folder;
        SecretMask mask;
    };
    /// What refusal() says is an error, too.
    /// @param user whose files they are; nullptr: this process's.
    Result<Given, SpawnFailure> give(std::span<const std::string> names,
                                     const ProgramUser* user) const;

private:
    SecretSettings settings_;
    mutable std::once_flag made_;
    mutable std::string trouble_;  // why there is no target; empty: there is
};

}  // namespace peercron
