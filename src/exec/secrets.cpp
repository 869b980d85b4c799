#include "exec/secrets.hpp"

#include "base/file_descriptor.hpp"

#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

namespace peercron {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t shortest_secret = 4;
constexpr std::size_t largest_secret = 1U << 20U;
constexpr std::string_view stars = "***";

std::string last_error()
{
    return std::generic_category().message(errno);
}

std::string_view without_last_breaks(std::string_view text)
{
    return text.substr(0, text.find_last_not_of("\r\n") + 1);
}

/// A folder that others can go through but not list, empty. Who may write beside it must not be
/// able to put one of theirs in its place.
std::string make_target(const fs::path& target)
{
    constexpr mode_t passable = 0711;
    struct stat status {};
    if (::lstat(target.c_str(), &status) == 0) {
        if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid()) {
            return fmt::format("{} is not a folder of this node's user", target.string());
        }
        std::error_code error;
        fs::remove_all(target, error);
        if (error) return fmt::format("{}: {}", target.string(), error.message());
    }
    if (::mkdir(target.c_str(), passable) != 0 || ::chmod(target.c_str(), passable) != 0) {
        return fmt::format("{}: {}", target.string(), last_error());
    }
    return {};
}

bool write_file(int folder, const std::string& name, std::string_view text, const ProgramUser* user)
{
    constexpr mode_t readable = 0400;
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    const FileDescriptor file(::openat(folder, name.c_str(), flags, readable));
    if (!file) return false;
    while (!text.empty()) {
        const ssize_t size = ::write(file.get(), text.data(), text.size());
        if (size < 0) return false;
        text.remove_prefix(static_cast<std::size_t>(size));
    }
    return user == nullptr || ::fchown(file.get(), user->user, user->group) == 0;
}

}  // namespace

SecretMask::SecretMask(std::span<const std::string> secrets)
{
    const auto add = [this](std::string_view text) {
        if (text.size() >= shortest_secret) texts_.emplace_back(text);
    };
    for (const std::string& secret : secrets) {
        std::string_view rest = without_last_breaks(secret);
        add(rest);
        while (rest.find('\n') != std::string_view::npos) {
            const std::size_t end = rest.find('\n');
            add(without_last_breaks(rest.substr(0, end)));
            rest.remove_prefix(end + 1);
        }
        add(rest);
    }
    std::ranges::sort(texts_, [](const std::string& one, const std::string& other) {
        return one.size() != other.size() ? one.size() > other.size() : one < other;
    });
    const auto repeated = std::ranges::unique(texts_);
    texts_.erase(repeated.begin(), repeated.end());
    for (const std::string& text : texts_) is_first_[static_cast<unsigned char>(text[0])] = true;
}

std::string SecretMask::hide(std::string_view output)
{
    held_ += output;
    return take(false);
}

std::string SecretMask::rest()
{
    return take(true);
}

std::string SecretMask::take(bool is_end)
{
    std::string shown;
    std::string_view left = held_;
    while (!left.empty()) {
        const auto begin = std::ranges::find_if(
            left, [this](char c) { return is_first_[static_cast<unsigned char>(c)]; });
        const auto plain = static_cast<std::size_t>(begin - left.begin());
        shown += left.substr(0, plain);
        left.remove_prefix(plain);
        const auto is_here = [left](const std::string& text) { return left.starts_with(text); };
        const auto may_be_here = [left](const std::string& text) {
            return text.size() > left.size() && text.starts_with(left);
        };
        // A longer one goes first, also when it is not all here yet.
        const auto longer = std::ranges::find_if(texts_, may_be_here);
        if (!left.empty() && !is_end && longer != texts_.end()) break;
        const auto found = std::ranges::find_if(texts_, is_here);
        if (found != texts_.end()) {
            shown += stars;
            left.remove_prefix(found->size());
        } else if (!left.empty()) {
            shown += left.front();
            left.remove_prefix(1);
        }
    }
    held_.erase(0, held_.size() - left.size());
    return shown;
}

SecretFolder::~SecretFolder()
{
    std::error_code ignored;
    ::chmod(path_.c_str(), S_IRWXU);
    fs::remove_all(path_, ignored);
}

Secrets::~Secrets()
{
    // Only this process's own, and only when it is empty.
    if (!settings_.source.empty() && trouble_.empty()) ::rmdir(settings_.target.c_str());
}

std::optional<std::string> Secrets::refusal(std::span<const std::string> names) const
{
    if (names.empty()) return std::nullopt;
    if (settings_.source.empty()) {
        return "secrets: this node has none; its configuration names no [secrets] dir";
    }
    for (const std::string& name : names) {
        if (const auto secret = read(name); !secret) return secret.error().message;
    }
    return std::nullopt;
}

Result<std::string> Secrets::read(const std::string& name) const
{
    const fs::path path = settings_.source / name;
    const auto no = [&](const std::string& why) {
        return Error{
            fmt::format("secrets: {} cannot be read from this node's [secrets] dir, {}: {}", name,
                        settings_.source.string(), why)};
    };
    // A pipe with this name would wait for a writer.
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file) return no(last_error());
    std::string text(largest_secret + 1, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t piece = ::read(file.get(), text.data() + size, text.size() - size);
        if (piece < 0) return no(last_error());
        if (piece == 0) break;
        size += static_cast<std::size_t>(piece);
    }
    if (size > largest_secret) return no("it is larger than 1 MiB");
    text.resize(size);
    text.resize(without_last_breaks(text).size());
    return {boost::system::in_place_value, std::move(text)};
}

Result<Secrets::Given, SpawnFailure> Secrets::give(std::span<const std::string> names,
                                                   const ProgramUser* user) const
{
    std::vector<std::string> secrets;
    for (const std::string& name : names) {
        auto secret = read(name);
        if (!secret) return SpawnFailure{secret.error().message, false, Cause::refused};
        secrets.push_back(*std::move(secret));
    }
    std::call_once(made_, [this] { trouble_ = make_target(settings_.target); });
    if (!trouble_.empty()) {
        return SpawnFailure{"secrets: there is no folder for them: " + trouble_, false,
                            Cause::refused};
    }
    std::string path = (settings_.target / "XXXXXX").string();
    const auto no = [&] { return cannot_give("secrets: " + settings_.target.string(), errno); };
    if (::mkdtemp(path.data()) == nullptr) return no();
    Given given{std::make_unique<SecretFolder>(path), SecretMask(secrets)};
    const FileDescriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder) return no();
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (!write_file(folder.get(), names[i], secrets[i], user)) return no();
    }
    if (::fchmod(folder.get(), S_IRUSR | S_IXUSR) != 0) return no();
    if (user != nullptr && ::fchown(folder.get(), user->user, user->group) != 0) return no();
    return given;
}

}  // namespace peercron
