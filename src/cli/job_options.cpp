#include "cli/job_options.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <functional>
#include <string>
#include <variant>

namespace peercron {
namespace {

/// An option that knows whether it was given, even when it was given as "".
void add_text(CLI::App& command, const JobOption& option,
              const std::function<void(const std::string&)>& take)
{
    command.add_option_function(std::string(option.option), take, std::string(option.text))
        ->type_name(std::string(option.type))
        ->group(std::string(option.group));
}

void add_schedules(CLI::App& command, JobArguments& job)
{
    const auto into = [](std::optional<std::string>& target) {
        return [&target](const std::string& given) { target = given; };
    };
    add_text(command,
             {"", "--every", "DURATION", "When", "Repeatedly, at this interval: 5s, 1h30m"},
             into(job.every));
    add_text(command,
             {"", "--at", "TIME", "When",
              "Once: 2027-01-01T00:00:00Z, or local '2027-01-01 08:00', 'tomorrow 08:00', 08:00"},
             into(job.at));
    add_text(command, {"", "--after", "DURATION", "When", "Once, this long from now: 90s, 10m"},
             into(job.after));
}

void add_flag(CLI::App& command, const JobField& field, const JobOption& option, JobArguments& job)
{
    std::string names(option.option);
    if (field.member != FieldMember(&Job::stop)) {
        names += fmt::format(",!--no-{}", option.option.substr(2));
    }
    const auto take = [&job, name = field.name](std::int64_t count) {
        job.fields[name] = count > 0 ? "true" : "false";
    };
    command.add_flag_function(names, take, std::string(option.text))
        ->group(std::string(option.group));
}

/// Given again, it adds a line.
void add_lines(CLI::App& command, const JobField& field, const JobOption& option, JobArguments& job)
{
    const std::function<void(const std::string&)> add =
        [&job, name = field.name](const std::string& given) {
            const auto [lines, is_first] = job.fields.try_emplace(name, given);
            if (!is_first) lines->second += '\n' + given;
        };
    command.add_option_function(std::string(option.option), add, std::string(option.text))
        ->type_name(std::string(option.type))
        ->group(std::string(option.group))
        ->trigger_on_parse();
}

void add_field(CLI::App& command, const JobField& field, const JobOption& option, JobArguments& job)
{
    if (std::holds_alternative<kind::Flag>(field.kind)) {
        add_flag(command, field, option, job);
        return;
    }
    std::string text(option.text);
    if (const auto* const choice = std::get_if<kind::Choice>(&field.kind)) {
        text += fmt::format(": {}", fmt::join(choice->words, ", "));
    }
    JobOption shown = option;
    shown.text = text;
    if (std::holds_alternative<kind::Lines>(field.kind)) {
        add_lines(command, field, shown, job);
        return;
    }
    add_text(command, shown,
             [&job, name = field.name](const std::string& given) { job.fields[name] = given; });
}

}  // namespace

const JobOption& option_of(const JobField& field)
{
    return *std::ranges::find(job_options, field.name, &JobOption::field);
}

void add_job_options(CLI::App& command, JobArguments& job, JobIs is)
{
    for (const JobOption& option : job_options) {
        const JobField& field = *find_field(option.field);
        const bool is_stop = field.member == FieldMember(&Job::stop);
        if (is_stop && is == JobIs::there) continue;
        add_field(command, field, option, job);
        if (field.member == FieldMember(&Job::cron_set)) add_schedules(command, job);
    }
    // CLI11 takes "[a]" apart for an option with many values; one that still lacks values of a
    // fixed number is handed them as they are.
    constexpr int most_words = 1 << 20;
    command.add_option("WORDS", job.words, "The command word by word, after --")
        ->type_name("")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->expected(most_words, CLI::detail::expected_max_vector_size)
        ->allow_extra_args(false);
}

void add_job_filters(CLI::App& command, JobFilters& filters)
{
    for (const JobOption& option : job_options) {
        if (option.filter.empty()) continue;
        const auto take = [&filters, field = option.field](const std::string& word) {
            filters[field].push_back(word);
        };
        const std::string text =
            fmt::format("Only jobs with this among their {}; may be given again", option.field);
        command.add_option_function(std::string(option.filter), std::function(take), text)
            ->type_name("WORD")
            ->trigger_on_parse();
    }
}

void add_to(Query& query, const JobFilters& filters)
{
    for (const auto& [field, words] : filters) query.emplace_back(field, join_words(words));
}

}  // namespace peercron
