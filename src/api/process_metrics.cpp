#include "api/process_metrics.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

#include <unistd.h>

namespace peercron {
namespace {

namespace fs = std::filesystem;

prometheus::MetricFamily family(const char* name, const char* help, prometheus::MetricType type,
                                double value)
{
    prometheus::ClientMetric metric;
    metric.gauge.value = value;
    metric.counter.value = value;
    return {name, help, type, {metric}};
}

/// The fields of proc(5), /proc/self/stat, from the third on: behind the name of the program, which
/// may have spaces.
std::optional<std::istringstream> stat_fields()
{
    std::ifstream file("/proc/self/stat");
    std::string line;
    if (!std::getline(file, line)) return std::nullopt;
    const auto name_end = line.rfind(')');
    if (name_end == std::string::npos) return std::nullopt;
    return std::istringstream(line.substr(name_end + 1));
}

/// When the machine was started, in Unix seconds.
std::optional<double> boot_time()
{
    std::ifstream file("/proc/stat");
    std::string word;
    while (file >> word) {
        double seconds = 0;
        if (word == "btime" && file >> seconds) return seconds;
    }
    return std::nullopt;
}

void add_stat(std::vector<prometheus::MetricFamily>& families)
{
    auto fields = stat_fields();
    if (!fields) return;
    constexpr int utime = 14;
    constexpr int stime = 15;
    constexpr int starttime = 22;
    constexpr int rss = 24;
    const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    std::string state;
    *fields >> state;
    double cpu = 0;
    for (int number = 4; number <= rss; ++number) {
        double value = 0;
        if (!(*fields >> value)) return;
        if (number == utime || number == stime) cpu += value / ticks;
        if (number == starttime) {
            if (const auto boot = boot_time()) {
                families.push_back(family("process_start_time_seconds",
                                          "When the process was started, in Unix seconds",
                                          prometheus::MetricType::Gauge, *boot + value / ticks));
            }
        }
        if (number == rss) {
            families.push_back(family("process_resident_memory_bytes", "Resident memory in bytes",
                                      prometheus::MetricType::Gauge,
                                      value * static_cast<double>(::sysconf(_SC_PAGESIZE))));
        }
    }
    families.push_back(family("process_cpu_seconds_total", "CPU time of the process in seconds",
                              prometheus::MetricType::Counter, cpu));
}

void add_open_files(std::vector<prometheus::MetricFamily>& families)
{
    std::error_code error;
    double open = 0;
    for (fs::directory_iterator file("/proc/self/fd", error), end; !error && file != end;
         file.increment(error)) {
        ++open;
    }
    if (error) return;
    families.push_back(
        family("process_open_fds", "Open file descriptors", prometheus::MetricType::Gauge, open));
}

}  // namespace

std::vector<prometheus::MetricFamily> process_metrics(std::string_view version)
{
    std::vector<prometheus::MetricFamily> families;
    prometheus::MetricFamily build =
        family("peercron_build_info", "The program; always 1", prometheus::MetricType::Gauge, 1);
    build.metric.front().label = {{"version", std::string(version)}};
    families.push_back(std::move(build));
    add_stat(families);
    add_open_files(families);
    return families;
}

}  // namespace peercron
