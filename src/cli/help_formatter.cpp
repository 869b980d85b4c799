#include "cli/help_formatter.hpp"

#include "cli/text_width.hpp"

#include <algorithm>
#include <string_view>

namespace peercron {
namespace {

constexpr std::size_t indent = 2;
constexpr std::size_t description_column = 28;
constexpr std::size_t line_width = 100;

bool repeats(const CLI::Option& option)
{
    return option.get_expected_max() >= CLI::detail::expected_max_vector_size;
}

/// A name and, from a fixed column on, its description in as many lines as it takes.
std::string two_columns(const std::string& name, std::string_view description)
{
    std::string text = std::string(indent, ' ') + name;
    std::size_t column = text.size();
    if (column + 2 > description_column) {
        text += '\n';
        column = 0;
    }
    text.append(description_column - column, ' ');
    const std::string indented = '\n' + std::string(description_column, ' ');
    for (const char c : wrapped(description, line_width - description_column)) {
        if (c == '\n') {
            text += indented;
        } else {
            text += c;
        }
    }
    return text + '\n';
}

}  // namespace

std::string HelpFormatter::make_group(std::string group, bool is_positional,
                                      std::vector<const CLI::Option*> options) const
{
    std::string text = "\n" + group + ":\n";
    for (const CLI::Option* option : options) text += make_option(option, is_positional);
    return text;
}

std::string HelpFormatter::make_option_name(const CLI::Option* option, bool is_positional) const
{
    if (is_positional) return option->get_name(true, false);
    std::string names;
    const auto append = [&names](const std::string& name) {
        if (!names.empty()) names += ", ";
        names += name;
    };
    for (const std::string& name : option->get_snames()) append("-" + name);
    for (const std::string& name : option->get_lnames()) append("--" + name);
    return names;
}

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const
{
    if (option->get_expected_max() == 0) return {};
    std::string text;
    if (!option->get_type_name().empty()) text += " " + option->get_type_name();
    if (!option->get_default_str().empty()) text += "=" + option->get_default_str();
    if (repeats(*option)) text += "...";
    return text;
}

std::string HelpFormatter::make_option_usage(const CLI::Option* option) const
{
    const std::string name = option->get_name(true, false);
    // A command of its own, whose options are not ours, or several jobs.
    if (repeats(*option)) return (name == "JOB" ? "[" : "[-- ") + name + "...]";
    return option->get_required() ? name : "[" + name + "]";
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const
{
    return two_columns(make_option_name(option, is_positional) + make_option_opts(option),
                       make_option_desc(option));
}

std::string HelpFormatter::make_subcommand(const CLI::App* command) const
{
    return two_columns(command->get_name(), command->get_description());
}

std::string HelpFormatter::make_help(const CLI::App* app, std::string name,
                                     CLI::AppFormatMode mode) const
{
    std::string text = CLI::Formatter::make_help(app, std::move(name), mode);
    for (std::size_t at = 0; (at = text.find("\n\n\n", at)) != std::string::npos;)
        text.erase(at, 1);
    while (text.ends_with("\n\n")) text.pop_back();
    return text;
}

}  // namespace peercron
