#include "cli/arguments.hpp"
#include "cli/job_options.hpp"

#include "base/nearest.hpp"
#include "cli/text_width.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace peercron {
namespace {

bool every_app(const CLI::App*)
{
    return true;
}

bool every_option(const CLI::Option*)
{
    return true;
}

const CLI::App* find_command(const CLI::App& app, const std::string& name)
{
    const auto commands = app.get_subcommands(every_app);
    const auto found = std::ranges::find_if(
        commands, [&name](const CLI::App* command) { return command->get_name() == name; });
    return found == commands.end() ? nullptr : *found;
}

/// The words of the innermost command that was understood: "peercron job".
std::string understood(const CLI::App& app, const CLI::App*& innermost)
{
    std::string words = app.get_name();
    innermost = &app;
    while (!innermost->get_subcommands().empty()) {
        innermost = innermost->get_subcommands().front();
        words += ' ' + innermost->get_name();
    }
    return words;
}

std::vector<std::string> command_names(const CLI::App& app)
{
    std::vector<std::string> names;
    for (const CLI::App* command : app.get_subcommands(every_app)) {
        if (!command->get_group().empty()) names.push_back(command->get_name());
    }
    return names;
}

std::vector<std::string> option_names(const CLI::App& command)
{
    std::vector<std::string> names;
    for (const CLI::Option* option : command.get_options(every_option)) {
        for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
    return names;
}

/// Calls `use` for each command without commands of its own, with all its words.
template <class Use>
void for_each_command(const CLI::App& app, const std::string& words, const Use& use)
{
    const auto commands = app.get_subcommands(every_app);
    for (const CLI::App* command : commands) {
        if (command->get_group().empty()) continue;
        for_each_command(*command, words + ' ' + command->get_name(), use);
    }
    if (commands.empty()) use(app, words);
}

/// "`a`, `b` or `c`"; "" for none, and for more than anybody reads.
std::string any_of(const std::vector<std::string>& names)
{
    constexpr std::size_t most = 10;
    if (names.size() > most) return {};
    std::string text;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
        text += '`' + names[i] + '`';
    }
    return text;
}

std::string unknown_command(const CLI::App& app, const CLI::App& group, const std::string& words,
                            const std::string& name)
{
    std::string message = fmt::format("there is no `{} {}`", words, one_line(name));
    const std::vector<std::string> known = command_names(group);
    const auto longer = std::find_if(known.begin(), known.end(), [&](const std::string& command) {
        return command.starts_with(name + '-');  // `run` for `run-now`
    });
    const auto meant = longer != known.end() ? *longer : nearest_name(name, known);
    if (meant) return message + fmt::format("; did you mean `{} {}`?", words, *meant);
    std::vector<std::string> elsewhere;
    for_each_command(app, app.get_name(), [&](const CLI::App& command, const std::string& whole) {
        if (command.get_name() == name) elsewhere.push_back(whole);
    });
    const std::string found = any_of(elsewhere);
    return found.empty() ? message : message + "; did you mean " + found + "?";
}

std::string unknown_option(const CLI::App& app, const CLI::App& command, const std::string& words,
                           const std::string& given)
{
    const std::string name = given.substr(0, given.find('='));
    std::string message = fmt::format("`{}` has no option {}", words, one_line(name));
    std::vector<std::string> known;
    for (const std::string& option : option_names(command)) known.push_back(option.substr(2));
    if (const auto meant =
            nearest_name(name.substr(std::min(name.find_first_not_of('-'), name.size())), known)) {
        return message + fmt::format("; did you mean --{}?", *meant);
    }
    const auto takes_words = [](const CLI::Option* option) {
        return option->get_positional() && option->get_expected_max() > 1;
    };
    if (!command.get_options(takes_words).empty()) {
        return message + " (put options of the job's own command after --)";
    }
    std::vector<std::string> elsewhere;
    for_each_command(app, app.get_name(), [&](const CLI::App& other, const std::string& whole) {
        const auto names = option_names(other);
        if (std::ranges::find(names, name) != names.end()) elsewhere.push_back(whole);
    });
    const std::string found = any_of(elsewhere);
    return found.empty() ? message : fmt::format("{}; {} has it", message, found);
}

/// What is wrong with arguments that nobody took.
std::string explain_extras(const CLI::App& app, const CLI::App& command, const std::string& words,
                           const std::vector<std::string>& unknown)
{
    const auto is_option = [](const std::string& word) {
        return word.starts_with('-') && word.size() > 1;
    };
    const auto option = std::ranges::find_if(unknown, is_option);
    if (option != unknown.end()) return unknown_option(app, command, words, *option);
    std::string rest;
    for (const std::string& word : unknown) rest += (rest.empty() ? "" : " ") + word;
    return fmt::format("`{}` takes no further words, found: {}", words, one_line(rest));
}

struct NamedParameter {
    std::string_view parameter;
    std::string_view option;
};

/// Filters whose options are not named as they are.
constexpr std::array<NamedParameter, 4> named_parameters{
    {{"from", "--since"}, {"to", "--until"}, {"cron_id", "--job"}, {"run_server", "--node"}}};

std::string option_of(std::string_view parameter)
{
    for (const JobField& field : job_fields) {
        if (field.name == parameter || field.parameter_name() == parameter) {
            return std::string(option_of(field).option);
        }
    }
    for (const NamedParameter& named : named_parameters) {
        if (named.parameter == parameter) return std::string(named.option);
    }
    std::string option = "--" + std::string(parameter);
    std::ranges::replace(option, '_', '-');
    return option;
}

bool has_option(const CLI::App& command, const std::string& option)
{
    const auto names = option_names(command);
    return std::ranges::find(names, option) != names.end();
}

bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

std::vector<std::string> with_options_last(const CLI::App& app, std::vector<std::string> arguments)
{
    static constexpr std::array<std::string_view, 4> with_value{"--url", "--token", "--token-file",
                                                                "--ca"};
    const auto takes_value = [](const std::string& word) {
        return std::ranges::find(with_value, word) != with_value.end();
    };
    const auto is_movable = [&](const std::string& word) {
        return word == "--json" || takes_value(word.substr(0, word.find('=')));
    };
    std::vector<std::string> commands;
    std::vector<std::string> options;
    const CLI::App* innermost = &app;
    std::size_t at = 0;
    while (at < arguments.size()) {
        const std::string& word = arguments[at];
        if (is_movable(word)) {
            const bool has_more = takes_value(word) && at + 1 < arguments.size();
            options.push_back(word);
            if (has_more) options.push_back(arguments[at + 1]);
            at += has_more ? 2 : 1;
            continue;
        }
        const CLI::App* const command = find_command(*innermost, word);
        if (command == nullptr) break;
        innermost = command;
        commands.push_back(word);
        ++at;
    }
    commands.insert(commands.end(), options.begin(), options.end());
    commands.insert(commands.end(), arguments.begin() + static_cast<std::ptrdiff_t>(at),
                    arguments.end());
    return commands;
}

std::string explain(const CLI::App& app, const CLI::Error& error)
{
    const CLI::App* innermost = nullptr;
    const std::string words = understood(app, innermost);
    const std::vector<std::string> unknown = innermost->remaining();
    const bool is_group = !innermost->get_subcommands(every_app).empty();
    std::string message = error.what();
    constexpr std::string_view not_converted = "Could not convert: ";
    if (message.starts_with(not_converted)) {
        message = message.substr(not_converted.size()) + ": expected a whole number";
    }
    if (is_group && !unknown.empty() && !unknown.front().starts_with('-')) {
        message = unknown_command(app, *innermost, words, unknown.front());
    } else if (is_group && unknown.empty()) {
        message = '`' + words + "` needs a command";
    } else if (!unknown.empty()) {
        message = explain_extras(app, *innermost, words, unknown);
    }
    return fmt::format("{}{} see `{} --help`", message, message.ends_with('?') ? "" : ";", words);
}

std::string with_option_names(const CLI::App& command, std::string message)
{
    const std::string first = message.substr(0, message.find(':'));
    std::string named;
    char quote = '\0';
    for (std::size_t at = 0; at < message.size();) {
        const char c = message[at];
        if (!is_word(c) || quote != '\0') {
            // What somebody typed stays as it is.
            if (c == quote) {
                quote = '\0';
            } else if (quote == '\0' && (c == '"' || c == '\'')) {
                const bool within_word = c == '\'' && at > 0 && is_word(message[at - 1]);
                if (!within_word) quote = c;
            }
            named += c;
            ++at;
            continue;
        }
        std::size_t end = at;
        while (end < message.size() && is_word(message[end])) ++end;
        const std::string word = message.substr(at, end - at);
        // Plain words such as "at" are parameters only where the message begins with them.
        const bool is_name = word == "cronSet" || word.find('_') != std::string::npos;
        const bool leads = at == 0 && word == first;
        const bool is_key = named.ends_with("] ");  // of a configuration: "[exec] run_as"
        const std::string option = option_of(word);
        const bool is_option = (is_name || leads) && !is_key && has_option(command, option);
        named += is_option ? option : word;
        at = end;
    }
    return named;
}

}  // namespace peercron
