#include "simulation/scenario_text.hpp"

#include "simulation/executor.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <vector>

namespace peercron::simulation {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view every_minute = " * * * * *";  // what follows the seconds

template <class Number = std::int64_t>
Number number_of(std::string_view word)
{
    Number number{};
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error != std::errc() || end != word.data() + word.size()) {
        throw std::runtime_error(fmt::format("'{}' is not a number", word));
    }
    return number;
}

std::vector<std::string_view> words_of(std::string_view line)
{
    std::vector<std::string_view> words;
    constexpr std::string_view blanks = " \t\r";
    line = line.substr(0, line.find('#'));
    for (;;) {
        const auto begin = line.find_first_not_of(blanks);
        if (begin == std::string_view::npos) return words;
        line.remove_prefix(begin);
        words.push_back(line.substr(0, line.find_first_of(blanks)));
        line.remove_prefix(words.back().size());
    }
}

std::string tags_of(const Job& job)
{
    return job.tags.empty() ? "" : fmt::format(" tags={}", join_words(job.tags));
}

std::string where_of(const Job& job)
{
    std::string text;
    if (!job.run_on.empty()) text += fmt::format(" run_on={}", fmt::join(job.run_on, ","));
    if (job.spread == Spread::sticky) text += " sticky";
    if (job.spread == Spread::shards) text += fmt::format(" shards={}", job.shards);
    if (job.spread == Spread::every) text += " every";
    return text;
}

std::string text_of(const Job& job)
{
    if (job.kind == JobKind::daemon) {
        return fmt::format(
                   "daemon restart={} restart_delay={} restart_max_delay={} healthy_after={} "
                   "start_limit={}",
                   policy_name(job.restart), job.restart_delay.count(),
                   job.restart_max_delay.count(), job.healthy_after.count(), job.start_limit) +
               tags_of(job) + where_of(job);
    }
    std::string text = job.cron_set.substr(0, job.cron_set.find(' '));
    if (is_chained(job)) {
        text = fmt::format("after parents={} on={}", join_words(job.run_after),
                           policy_name(job.run_after_on));
    }
    if (!job.name.empty()) text += fmt::format(" name={}", job.name);
    text += tags_of(job);
    if (job.is_mutex) text += " mutex";
    if (job.delivery == Delivery::at_least_once) text += " at_least_once";
    if (job.timeout.count() > 0) text += fmt::format(" timeout={}", job.timeout.count());
    if (job.run_limit > 0) text += fmt::format(" run_limit={}", job.run_limit);
    if (job.misfire_window) text += fmt::format(" window={}", job.misfire_window->count());
    if (job.overlap != Overlap::allow) {
        text += fmt::format(" overlap={}", policy_name(job.overlap));
    }
    if (job.jitter.count() > 0) text += fmt::format(" jitter={}", job.jitter.count());
    if (!job.required.empty()) text += fmt::format(" requires={}", join_words(job.required));
    if (job.requires_wait.count() > 0) text += fmt::format(" wait={}", job.requires_wait.count());
    if (!job.calendar.empty()) text += fmt::format(" calendar={}", join_words(job.calendar));
    if (!job.locks.empty()) text += fmt::format(" locks={}", join_words(job.locks));
    if (job.max_concurrent > 0) text += fmt::format(" at_a_time={}", job.max_concurrent);
    if (job.command.starts_with(flaky)) text += " flaky";
    if (job.retries > 0) {
        text += fmt::format(" retries={} retry_delay={} retry_max_delay={}", job.retries,
                            job.retry_delay.count(), job.retry_max_delay.count());
    }
    if (!job.retry_on.empty()) text += fmt::format(" retry_on={}", join_words(job.retry_on));
    return text + where_of(job);
}

Overlap overlap_of(std::string_view name)
{
    for (const Overlap overlap : {Overlap::skip, Overlap::queue, Overlap::replace}) {
        if (policy_name(overlap) == name) return overlap;
    }
    throw std::runtime_error(fmt::format("no policy is called '{}'", name));
}

Job job_of(const std::vector<std::string_view>& words, std::size_t number)
{
    Job job;
    if (words.at(1) == "daemon") {
        job.kind = JobKind::daemon;
    } else if (words.at(1) != "after") {
        job.cron_set = std::string(words.at(1)) + std::string(every_minute);
    }
    job.command = fmt::format("command {} version 1", number);
    for (std::size_t i = 2; i < words.size(); ++i) {
        const auto equals = words[i].find('=');
        const std::string_view key = words[i].substr(0, equals);
        const std::string_view value =
            equals == std::string_view::npos ? "" : words[i].substr(equals + 1);
        if (key == "mutex") {
            job.is_mutex = true;
        } else if (key == "parents") {
            job.run_after = split_words(value);
        } else if (key == "on") {
            job.run_after_on = parse_policy<RunAfterOn>(value).value();
        } else if (key == "name") {
            job.name = value;
        } else if (key == "at_least_once") {
            job.delivery = Delivery::at_least_once;
        } else if (key == "timeout") {
            job.timeout = std::chrono::seconds(number_of(value));
        } else if (key == "run_limit") {
            job.run_limit = number_of(value);
        } else if (key == "window") {
            job.misfire_window = std::chrono::seconds(number_of(value));
        } else if (key == "overlap") {
            job.overlap = overlap_of(value);
        } else if (key == "shards") {
            job.shards = number_of(value);
            job.spread = Spread::shards;
        } else if (key == "every") {
            job.spread = Spread::every;
        } else if (key == "jitter") {
            job.jitter = std::chrono::seconds(number_of(value));
        } else if (key == "requires") {
            job.required = split_words(value);
        } else if (key == "wait") {
            job.requires_wait = std::chrono::seconds(number_of(value));
        } else if (key == "calendar") {
            job.calendar = split_words(value);
        } else if (key == "locks") {
            job.locks = split_words(value);
        } else if (key == "at_a_time") {
            job.max_concurrent = number_of(value);
        } else if (key == flaky) {
            job.command = fmt::format("{} {}", flaky, job.command);
        } else if (key == "retries") {
            job.retries = number_of(value);
        } else if (key == "retry_delay") {
            job.retry_delay = std::chrono::seconds(number_of(value));
        } else if (key == "retry_max_delay") {
            job.retry_max_delay = std::chrono::seconds(number_of(value));
        } else if (key == "retry_on") {
            job.retry_on = split_words(value);
        } else if (key == "run_on") {
            job.run_on = split_words(value);
        } else if (key == "sticky") {
            job.spread = Spread::sticky;
        } else if (key == "tags") {
            job.tags = split_words(value);
        } else if (key == "restart") {
            job.restart = parse_policy<Restart>(value).value();
        } else if (key == "restart_delay") {
            job.restart_delay = std::chrono::seconds(number_of(value));
        } else if (key == "restart_max_delay") {
            job.restart_max_delay = std::chrono::seconds(number_of(value));
        } else if (key == "healthy_after") {
            job.healthy_after = std::chrono::seconds(number_of(value));
        } else if (key == "start_limit") {
            job.start_limit = number_of(value);
        } else {
            throw std::runtime_error(fmt::format("a job has no '{}'", key));
        }
    }
    return job;
}

Fault fault_of(std::string_view name)
{
    for (std::size_t i = 0; i < all_fault_kinds; ++i) {
        if (to_string(static_cast<Fault>(i)) == name) return static_cast<Fault>(i);
    }
    throw std::runtime_error(fmt::format("no fault is called '{}'", name));
}

Happening happening_of(const std::vector<std::string_view>& words)
{
    if (words.size() < 5 || words[3] != "for") {
        throw std::runtime_error(
            "a fault is written 'at TIME NAME for TIME [on NODE [NODE]] [dice NUMBER]'");
    }
    Happening happening;
    happening.at = milliseconds(number_of(words[1]));
    happening.fault = fault_of(words[2]);
    happening.length = milliseconds(number_of(words[4]));
    std::size_t next = 5;
    if (next + 1 < words.size() && words[next] == "on") {
        happening.one = words[next + 1];
        next += 2;
        if (next < words.size() && words[next] != "dice") happening.other = words[next++];
    }
    if (next + 1 < words.size() && words[next] == "dice") {
        happening.dice = number_of<std::uint64_t>(words[next + 1]);
        next += 2;
    }
    if (next != words.size()) {
        throw std::runtime_error(fmt::format("'{}' says nothing here", words[next]));
    }
    return happening;
}

std::string text_of(const Happening& happening)
{
    std::string text = fmt::format("{} {} for {}", happening.at.count(), to_string(happening.fault),
                                   happening.length.count());
    if (!happening.one.empty()) text += " on " + happening.one;
    if (!happening.other.empty()) text += " " + happening.other;
    return text + fmt::format(" dice {}", happening.dice);
}

/// A setting that is one number.
struct Setting {
    std::string_view name;
    std::int64_t (*get)(const Scenario&);
    void (*set)(Scenario&, std::int64_t);
};

template <auto Member>
constexpr Setting time_of_dispatch(std::string_view name)
{
    return {name, [](const Scenario& s) { return (s.settings.dispatch.*Member).count(); },
            [](Scenario& s, std::int64_t n) { s.settings.dispatch.*Member = milliseconds(n); }};
}

template <auto Member>
constexpr Setting time_of_scenario(std::string_view name)
{
    return {name, [](const Scenario& s) { return (s.*Member).count(); },
            [](Scenario& s, std::int64_t n) { s.*Member = milliseconds(n); }};
}

template <auto Member>
constexpr Setting flag(std::string_view name)
{
    return {name, [](const Scenario& s) -> std::int64_t { return s.*Member ? 1 : 0; },
            [](Scenario& s, std::int64_t n) { s.*Member = n != 0; }};
}

constexpr Setting settings[] = {
    {"nodes", [](const Scenario& s) { return static_cast<std::int64_t>(s.nodes); },
     [](Scenario& s, std::int64_t n) { s.nodes = static_cast<std::size_t>(n); }},
    {"slots", [](const Scenario& s) { return static_cast<std::int64_t>(s.settings.rules.slots); },
     [](Scenario& s, std::int64_t n) { s.settings.rules.slots = static_cast<std::size_t>(n); }},
    time_of_dispatch<&DispatchSettings::lease>("lease"),
    time_of_dispatch<&DispatchSettings::start_deadline>("start_deadline"),
    time_of_dispatch<&DispatchSettings::misfire_window>("misfire_window"),
    time_of_scenario<&Scenario::longest_command>("longest_command"),
    time_of_scenario<&Scenario::healed>("healed"),
    time_of_scenario<&Scenario::jobs_stop_after>("jobs_stop_after"),
    flag<&Scenario::have_journals>("journals"),
    flag<&Scenario::has_database_clock>("database_clock"),
    flag<&Scenario::has_wrong_clocks>("wrong_clocks"),
    flag<&Scenario::has_labels>("labels"),
    flag<&Scenario::has_shards>("shards"),
    flag<&Scenario::has_every>("every"),
    flag<&Scenario::dispatcher_only>("dispatcher_only"),
};

void read_line(const std::vector<std::string_view>& words, Scenario& scenario)
{
    const std::string_view key = words[0];
    if (key == "job") {
        scenario.jobs.push_back(job_of(words, scenario.jobs.size() + 1));
    } else if (key == "at") {
        scenario.happenings.push_back(happening_of(words));
    } else if (key == "clocks") {
        for (std::size_t i = 1; i < words.size(); ++i) {
            scenario.clock_errors.emplace_back(number_of(words[i]));
        }
    } else if (key == "calendar") {
        scenario.calendar_dates = words.at(1);
    } else if (key == "lock") {
        scenario.lock_limits.push_back({std::string(words.at(1)), number_of(words.at(2)), "", {}});
    } else if (key == "seed") {
        scenario.seed = number_of<std::uint64_t>(words.at(1));
    } else {
        const auto* const setting = std::ranges::find(settings, key, &Setting::name);
        if (setting == std::end(settings)) {
            throw std::runtime_error(fmt::format("there is no '{}'", key));
        }
        setting->set(scenario, number_of(words.at(1)));
    }
}

}  // namespace

std::string to_text(const Scenario& scenario)
{
    std::string text = fmt::format("seed {}\n", scenario.seed);
    const Scenario usual = Scenario::usual();
    for (const Setting& setting : settings) {
        if (setting.get(scenario) == setting.get(usual)) continue;
        text += fmt::format("{} {}\n", setting.name, setting.get(scenario));
    }
    text += "clocks";
    for (const milliseconds error : scenario.clock_errors)
        text += fmt::format(" {}", error.count());
    text += '\n';
    for (const LockLimit& lock : scenario.lock_limits) {
        text += fmt::format("lock {} {}\n", lock.name, lock.limit);
    }
    if (!scenario.calendar_dates.empty()) {
        text += fmt::format("calendar {}\n", scenario.calendar_dates);
    }
    for (const Job& job : scenario.jobs) text += fmt::format("job {}\n", text_of(job));
    for (const Happening& happening : scenario.happenings) {
        text += fmt::format("at {}\n", text_of(happening));
    }
    return text;
}

Scenario parse_scenario(std::string_view text)
{
    Scenario scenario = Scenario::usual();
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        const auto words = words_of(line);
        if (words.empty()) continue;
        try {
            read_line(words, scenario);
        } catch (const std::exception& error) {
            throw std::runtime_error(fmt::format("line {}: {}", number, error.what()));
        }
    }
    scenario.settings.rules.lease = scenario.settings.dispatch.lease;
    return scenario;
}

std::vector<std::filesystem::path> scenario_files(std::string_view folder)
{
    const char* source = std::getenv("PEERCRON_SOURCE_DIR");
    if (source == nullptr) throw std::runtime_error("PEERCRON_SOURCE_DIR is not set");
    std::vector<std::filesystem::path> files;
    const auto place = std::filesystem::path(source) / "tests" / "simulation" / folder;
    for (const auto& entry : std::filesystem::directory_iterator(place)) {
        files.push_back(entry.path());
    }
    std::ranges::sort(files);
    return files;
}

Scenario read_scenario(const std::filesystem::path& file)
{
    std::ifstream stream(file);
    const std::string text((std::istreambuf_iterator<char>(stream)), {});
    try {
        return parse_scenario(text);
    } catch (const std::runtime_error& error) {
        throw std::runtime_error(fmt::format("{}: {}", file.string(), error.what()));
    }
}

}  // namespace peercron::simulation
