#include "cli/job_file.hpp"

#include "base/overloaded.hpp"
#include "base/toml.hpp"
#include "base/units.hpp"
#include "cli/calendar_file.hpp"
#include "cli/channel_file.hpp"
#include "cli/field_text.hpp"
#include "cli/file_table.hpp"
#include "cli/moments.hpp"
#include "cli/toml_text.hpp"
#include "model/job_fields.hpp"
#include "model/job_kinds.hpp"
#include "schedule/quote.hpp"
#include "schedule/schedule.hpp"
#include "schedule/zone_prefix.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace peercron {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

bool is_blank(std::string_view text)
{
    return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

/// The moment of a date and time that says its offset from UTC; whole seconds.
std::optional<sys_seconds> moment_of(const toml::date_time& given)
{
    if (!given.offset || given.time.nanosecond != 0) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(given.date.year),
                                           std::chrono::month(given.date.month),
                                           std::chrono::day(given.date.day)};
    return sys_seconds(std::chrono::sys_days(date)) + std::chrono::hours(given.time.hour) +
           std::chrono::minutes(given.time.minute) + seconds(given.time.second) -
           std::chrono::minutes(given.offset->minutes);
}

using Mistake = FileMistake;

/// Reads the table of one job.
class JobReader {
public:
    JobReader(std::string name, const toml::table& table, std::vector<Mistake>& mistakes)
        : name_(std::move(name)), table_(table), mistakes_(mistakes)
    {}

    FileJob read()
    {
        FileJob file;
        file.line = table_.source().begin.line;
        Job& job = file.job;
        job.name = name_;
        if (name_.empty()) complain(table_, "a job needs a name: [job.NAME]");
        for (const auto& [key, node] : table_) read_key(std::string(key.str()), node, file);
        read_zone_of_expression(job);
        imply_kind_of(job);
        check_rules(job);
        check_zone(job);
        check_schedule(job);
        if (job.end_time != 0 && job.start_time >= job.end_time) {
            complain(table_,
                     fmt::format("job {}: start_time must be before end_time", quote(name_)));
        }
        return file;
    }

private:
    void read_key(const std::string& key, const toml::node& node, FileJob& file)
    {
        Job& job = file.job;
        const JobField* const field = find_field(key);
        if (key == "every") {
            schedule_keys_.push_back(&node);
            if (const auto time = read_time(key, node, longest_seconds)) {
                job.cron_set = fmt::format("@every {}s", time->count());
                schedule_read_ = true;
            }
        } else if (key == "at") {
            schedule_keys_.push_back(&node);
            if (const auto moment = read_moment_of(key, node)) {
                job.cron_set = "@at " + utc_text(*moment);
                schedule_read_ = true;
            }
        } else if (field == nullptr || is_name(*field)) {
            complain(node, fmt::format("job {}: unknown key {}; allowed are {}", quote(name_),
                                       quote(key), fmt::join(job_file_keys(), ", ")));
        } else {
            const auto value = read_value(*field, node);
            const bool is_read = value && assign(*field, job, *value);
            if (key == "stop" && is_read) file.stop = job.stop;
            if (key == "cron_set") {
                schedule_keys_.push_back(&node);
                schedule_read_ = is_read;
            }
        }
    }

    static bool is_name(const JobField& field)
    {
        return std::holds_alternative<kind::Name>(field.kind);
    }

    /// nullopt: it is none, which is said.
    std::optional<FieldValue> read_value(const JobField& field, const toml::node& node)
    {
        const std::string_view key = field.name;
        return std::visit(
            Overloaded{
                [&](const kind::Flag&) { return read_truth(key, node); },
                [&](const kind::Count&) { return read_count(key, node); },
                [&](const kind::Number& kind) { return read_number(key, node, kind); },
                [&](const kind::Size&) { return read_size(key, node); },
                [&](const kind::Moment&) { return read_bound(key, node); },
                [&](const kind::Duration& kind) {
                    return count_of(read_time(key, node, kind.most, kind.least));
                },
                [&](const kind::Millis& kind) { return read_millis(key, node, kind.most); },
                [&](const kind::Window& kind) {
                    const bool is_word = node.value<std::string>() == until_next_name;
                    if (is_word) return Value(std::string(until_next_name));
                    return count_of(read_time(key, node, kind.most));
                },
                [&](const kind::Choice& kind) { return read_choice(key, node, kind.words); },
                [&](const kind::Words&) { return read_list(key, node, List::of_different); },
                [&](const kind::Lines&) { return read_list(key, node, List::of_any); },
                [&](const auto&) { return read_text(key, node); },
            },
            field.kind);
    }

    using Value = std::optional<FieldValue>;

    static Value count_of(const std::optional<seconds>& time)
    {
        if (!time) return std::nullopt;
        return std::int64_t{time->count()};
    }

    Value read_text(std::string_view key, const toml::node& node)
    {
        if (const auto text = node.value_exact<std::string>()) return *text;
        expect(key, node, "a text");
        return std::nullopt;
    }

    enum class List : std::uint8_t { of_different, of_any };

    Value read_list(std::string_view key, const toml::node& node, List kind)
    {
        std::vector<std::string> words;
        const toml::array* const list = node.as_array();
        for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
            const auto word = (*list)[i].value_exact<std::string>();
            if (!word) {
                expect(key, (*list)[i], "a text");
                return std::nullopt;
            }
            const bool is_there = std::ranges::find(words, *word) != words.end();
            if (!is_there || kind == List::of_any) words.push_back(*word);
        }
        if (list != nullptr) return words;
        expect(key, node, "a list of texts, as [\"one\", \"two\"]");
        return std::nullopt;
    }

    Value read_truth(std::string_view key, const toml::node& node)
    {
        if (const auto truth = node.value_exact<bool>()) return *truth;
        expect(key, node, "true or false");
        return std::nullopt;
    }

    Value read_count(std::string_view key, const toml::node& node)
    {
        if (const auto number = node.value_exact<std::int64_t>(); number && *number >= 0) {
            return *number;
        }
        expect(key, node, "a whole number from 0 (no limit) on");
        return std::nullopt;
    }

    Value read_number(std::string_view key, const toml::node& node, const kind::Number& allowed)
    {
        const auto number = node.value_exact<std::int64_t>();
        if (number && *number >= allowed.least && *number <= allowed.most) return *number;
        expect(key, node, fmt::format("a whole number from {} to {}", allowed.least, allowed.most));
        return std::nullopt;
    }

    Value read_size(std::string_view key, const toml::node& node)
    {
        if (const auto number = node.value_exact<std::int64_t>(); number && *number >= 0) {
            return *number;
        }
        const auto text = node.value_exact<std::string>();
        const auto size = text ? parse_size(*text) : std::nullopt;
        if (size) return static_cast<std::int64_t>(*size);
        expect(key, node, "a size as \"512MiB\" or \"2GiB\", or whole bytes, 0 for no limit");
        return std::nullopt;
    }

    Value read_choice(std::string_view key, const toml::node& node,
                      std::span<const std::string_view> words)
    {
        const auto text = node.value_exact<std::string>();
        if (text && std::ranges::find(words, *text) != words.end()) return *text;
        complain(node, fmt::format("job {}, key {}: found {}, expected one of {}", quote(name_),
                                   quote(key), text ? quote(*text) : std::string(type_of(node)),
                                   fmt::join(words, ", ")));
        return std::nullopt;
    }

    /// A text as "1h30m", or a number of seconds.
    std::optional<seconds> read_time(std::string_view key, const toml::node& node,
                                     std::int64_t most, std::int64_t least = 0)
    {
        std::optional<seconds> time;
        if (const auto number = node.value_exact<std::int64_t>()) {
            time = seconds(*number);
        } else if (const auto text = node.value_exact<std::string>()) {
            if (const auto read = read_duration(*text)) time = *read;
        }
        if (time && time->count() >= least && time->count() <= most) return time;
        expect(
            key, node,
            fmt::format("a time as \"90s\", \"15m\" or \"1h30m\", or whole seconds, from {} to {}",
                        least, most));
        return std::nullopt;
    }

    Value read_millis(std::string_view key, const toml::node& node, std::int64_t most)
    {
        Value time;
        if (const auto number = node.value_exact<std::int64_t>()) {
            time = *number;
        } else if (const auto text = node.value_exact<std::string>()) {
            if (const auto read = parse_duration(*text)) time = std::int64_t{read->count()};
        }
        const auto* const count = time ? std::get_if<std::int64_t>(&*time) : nullptr;
        if (count != nullptr && *count >= 0 && *count <= most) return time;
        expect(
            key, node,
            fmt::format("a time as \"50ms\" or \"2s\", or whole milliseconds, from 0 to {}", most));
        return std::nullopt;
    }

    std::optional<sys_seconds> read_moment_of(std::string_view key, const toml::node& node)
    {
        if (const auto given = node.value_exact<toml::date_time>()) {
            if (const auto moment = moment_of(*given)) return moment;
        }
        expect(key, node, "a date and time with its offset, as 2027-01-01T08:00:00+01:00");
        return std::nullopt;
    }

    /// 0 leaves it open.
    Value read_bound(std::string_view key, const toml::node& node)
    {
        if (const auto number = node.value_exact<std::int64_t>(); number && *number >= 0) {
            return *number;
        }
        const auto moment = read_moment_of(key, node);
        if (!moment) return std::nullopt;
        return std::int64_t{moment->time_since_epoch().count()};
    }

    /// As a node would.
    void imply_kind_of(Job& job) const
    {
        JobPatch patch;
        patch.values = job;
        for (const auto& [key, node] : table_) {
            const JobField* const field = find_field(key.str());
            if (field != nullptr) give(patch, *field, stored_value(*field, job));
        }
        imply_kind(patch);
        job.kind = patch.values.kind;
    }

    /// What a node would refuse.
    void check_rules(const Job& job)
    {
        JobPatch patch;
        patch.values = job;
        patch.given.set();
        auto problem = find_problem(patch);
        if (!problem && is_blank(job.command) && job.kind != JobKind::http) {
            complain(table_, fmt::format("job {}: the command is missing", quote(name_)));
            return;
        }
        if (!problem) problem = find_contradiction(job, patch);
        if (problem) {
            const std::string_view key = problem->field->name;
            const toml::node* const node = table_.get(key);
            complain(node == nullptr ? table_ : *node,
                     fmt::format("job {}, key {}: {}", quote(name_), quote(key), problem->what));
        }
    }

    void check_schedule(const Job& job)
    {
        if (job.kind == JobKind::daemon) return;
        if (is_chained(job)) {
            if (schedule_keys_.empty()) return;
            complain(table_, fmt::format("job {}: given a schedule and run_after; a job that runs "
                                         "after others has no schedule of its own",
                                         quote(name_)));
            return;
        }
        if (schedule_keys_.empty()) {
            complain(table_, fmt::format("job {}: the schedule is missing: cron_set, every or at, "
                                         "or run_after",
                                         quote(name_)));
        } else if (schedule_keys_.size() > 1) {
            complain(*schedule_keys_.back(),
                     fmt::format("job {}: give only one of cron_set, every and at", quote(name_)));
        } else if (schedule_read_) {
            const std::string& zone = job.time_zone;
            const auto schedule =
                Schedule::make(job.cron_set, zone.empty() || !find_zone(zone) ? "UTC" : zone, 0);
            if (!schedule) {
                complain(*schedule_keys_.front(),
                         fmt::format("job {}: {}", quote(name_), schedule.error().message));
            }
        }
    }

    /// A zone that stands in the expression is the job's.
    void read_zone_of_expression(Job& job)
    {
        auto split = split_zone(job.cron_set);
        if (!split || schedule_keys_.size() != 1) return;
        const toml::node* const zone = table_.get("time_zone");
        if (zone != nullptr && job.time_zone != split->zone) {
            complain(*schedule_keys_.front(),
                     fmt::format("job {}, key 'cron_set': names the time zone {}, and time_zone is "
                                 "{}; give one of them",
                                 quote(name_), quote(split->zone), quote(job.time_zone)));
        }
        job.cron_set = std::move(split->expression);
        if (zone != nullptr) return;
        job.time_zone = std::move(split->zone);
        if (job.time_zone.empty()) {
            complain(*schedule_keys_.front(),
                     fmt::format("job {}, key 'cron_set': the zone after the = is missing",
                                 quote(name_)));
        }
    }

    void check_zone(const Job& job)
    {
        if (job.time_zone.empty()) return;
        const auto zone = find_zone(job.time_zone);
        if (zone) return;
        const toml::node* const node = table_.get("time_zone");
        const toml::node& place = schedule_keys_.empty() ? table_ : *schedule_keys_.front();
        complain(node != nullptr ? *node : place,
                 fmt::format("job {}: {}", quote(name_), zone.error().message));
    }

    void expect(std::string_view key, const toml::node& node, std::string_view what)
    {
        complain(node, fmt::format("job {}, key {}: found {}, expected {}", quote(name_),
                                   quote(key), type_of(node), what));
    }

    void complain(const toml::node& node, const std::string& what)
    {
        mistakes_.push_back({node.source().begin, what});
    }

    std::string name_;
    const toml::table& table_;
    std::vector<Mistake>& mistakes_;
    std::vector<const toml::node*> schedule_keys_;
    bool schedule_read_ = false;
};

/// The tables of one kind, as [job.NAME].
template <class Read>
void read_tables(std::string_view what, const toml::table& tables, std::vector<Mistake>& mistakes,
                 const Read& read)
{
    for (const auto& [key, node] : tables) {
        const std::string name(key.str());
        if (node.is_table()) {
            read(name, *node.as_table());
            continue;
        }
        mistakes.push_back(
            {node.source().begin, fmt::format("{0} {1}: found {2}, expected a table [{0}.NAME]",
                                              what, quote(name), type_of(node))});
    }
}

void read_root(const toml::table& root, const ReadFile& read_other, JobFile& file,
               std::vector<Mistake>& mistakes)
{
    const auto read_job = [&](const std::string& name, const toml::table& table) {
        file.jobs.push_back(JobReader(name, table, mistakes).read());
    };
    const auto read_channel = [&](const std::string& name, const toml::table& table) {
        file.channels.push_back(read_file_channel(name, table, mistakes));
    };
    const auto read_calendar = [&](const std::string& name, const toml::table& table) {
        file.calendars.push_back(read_file_calendar(name, table, read_other, mistakes));
    };
    for (const auto& [key, node] : root) {
        const std::string name(key.str());
        if (name == "job" && node.is_table()) {
            read_tables(name, *node.as_table(), mistakes, read_job);
        } else if (name == "channel" && node.is_table()) {
            read_tables(name, *node.as_table(), mistakes, read_channel);
        } else if (name == "calendar" && node.is_table()) {
            read_tables(name, *node.as_table(), mistakes, read_calendar);
        } else {
            mistakes.push_back(
                {node.source().begin, fmt::format("found {}; a job file has tables [job.NAME], "
                                                  "[channel.NAME] and [calendar.NAME]",
                                                  quote(name))});
        }
    }
}

std::string toml_list(const JobField& field, const Job& job)
{
    std::string list;
    const FieldValue value = stored_value(field, job);
    for (const std::string& word : std::get<std::vector<std::string>>(value)) {
        list += fmt::format("{}{}", list.empty() ? "" : ", ", toml_line(word));
    }
    return fmt::format("[{}]", list);
}

/// A text as "1h30m" is for people, a moment is TOML's own, and the others are as they are.
std::string toml_value(const JobField& field, const Job& job)
{
    return std::visit(Overloaded{
                          [&](const kind::Flag&) { return field_text(field, job); },
                          [&](const kind::Count&) { return field_text(field, job); },
                          [&](const kind::Number&) { return field_text(field, job); },
                          [&](const kind::Moment&) { return field_text(field, job); },
                          [&](const kind::Size&) {
                              const std::string size = field_text(field, job);
                              const bool has_unit = size.ends_with('B');
                              return has_unit ? toml_text(size) : size;
                          },
                          [&](const kind::Words&) { return toml_list(field, job); },
                          [&](const kind::Lines&) { return toml_list(field, job); },
                          [&](const auto&) { return toml_text(field_text(field, job)); },
                      },
                      field.kind);
}

std::string job_table(const Job& job)
{
    std::string text = fmt::format("\n[job.{}]\n", toml_key(job.name));
    Job plain;
    plain.name = job.name;
    FieldSet said = differences(plain, job);
    if (has_schedule(job)) said.set(place_of(&Job::cron_set));
    if (job.kind != JobKind::http) said.set(place_of(&Job::command));
    for (const JobField* field : fields_of(said)) {
        text += fmt::format("{} = {}\n", field->name, toml_value(*field, job));
    }
    return text;
}

}  // namespace

std::vector<std::string_view> job_file_keys()
{
    std::vector<std::string_view> keys;
    for (const JobField& field : job_fields) {
        if (std::holds_alternative<kind::Name>(field.kind)) continue;
        keys.push_back(field.name);
        if (field.name == "cron_set") keys.insert(keys.end(), {"every", "at"});
    }
    return keys;
}

JobFile read_job_file(std::string_view text, std::string_view source, const ReadFile& read_other)
{
    JobFile file;
    std::vector<Mistake> mistakes;
    try {
        read_root(parse_toml(text, source), read_other, file, mistakes);
    } catch (const toml::parse_error& error) {
        mistakes.push_back({error.source().begin, std::string(error.description())});
    }
    std::ranges::stable_sort(mistakes, {}, [](const Mistake& mistake) {
        return std::pair(mistake.place.line, mistake.place.column);
    });
    for (const auto& [place, what] : mistakes) {
        file.mistakes.push_back(
            fmt::format("{}:{}:{}: {}", source, place.line, place.column, what));
    }
    return file;
}

std::string write_job_file(std::span<const Job> jobs, std::span<const Calendar> calendars)
{
    std::vector<const Job*> sorted;
    for (const Job& job : jobs) sorted.push_back(&job);
    std::ranges::sort(sorted, {}, [](const Job* job) { return job->name; });
    std::string text =
        "# The jobs of a peercron node. `peercron apply FILE` changes a node's jobs to match\n"
        "# this file; see `peercron apply --help`. A missing key means its default.\n";
    for (const Job* job : sorted) text += job_table(*job);
    for (const Calendar& calendar : calendars) text += calendar_table(calendar);
    return text;
}

}  // namespace peercron
