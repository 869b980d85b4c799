#include "exec/process_table.hpp"

#include "base/file_descriptor.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace peercron {
namespace {

std::optional<ProcessEntry> read_entry(int proc, const char* pid)
{
    const std::string path = std::string(pid) + "/stat";
    const FileDescriptor file(::openat(proc, path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return std::nullopt;  // it has ended since
    std::array<char, 512> buffer{};
    const ssize_t size = ::read(file.get(), buffer.data(), buffer.size() - 1);
    if (size <= 0) return std::nullopt;
    // "PID (NAME) STATE PPID PGRP …"; the name may hold anything, even ')'.
    const std::string_view line(buffer.data(), static_cast<std::size_t>(size));
    const std::size_t name_end = line.rfind(')');
    if (name_end == std::string_view::npos) return std::nullopt;
    ProcessEntry entry;
    char state = 0;
    if (std::sscanf(buffer.data(), "%d", &entry.pid) != 1) return std::nullopt;
    if (std::sscanf(buffer.data() + name_end + 1, " %c %d %d", &state, &entry.parent,
                    &entry.group) != 3) {
        return std::nullopt;
    }
    entry.is_zombie = state == 'Z' || state == 'X';
    return entry;
}

}  // namespace

std::vector<ProcessEntry> list_processes()
{
    std::vector<ProcessEntry> processes;
    const auto close = [](DIR* directory) { ::closedir(directory); };
    const std::unique_ptr<DIR, decltype(close)> directory(::opendir("/proc"), close);
    if (!directory) return processes;
    const int proc = ::dirfd(directory.get());
    while (const dirent* item = ::readdir(directory.get())) {
        if (item->d_name[0] < '1' || item->d_name[0] > '9') continue;
        if (const auto entry = read_entry(proc, item->d_name)) processes.push_back(*entry);
    }
    return processes;
}

}  // namespace peercron
