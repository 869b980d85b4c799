#include "cli/command_tree.hpp"

#include <sstream>

namespace peercron {
namespace {

OptionInfo read_option(const CLI::Option& option)
{
    OptionInfo info;
    info.positional = option.get_positional();
    info.required = option.get_required();
    info.repeats = option.get_expected_max() >= CLI::detail::expected_max_vector_size;
    info.description = option.get_description();
    info.group = option.get_group();
    if (info.positional) {
        info.names.push_back(option.get_name(true, false));
        info.value = info.names.front();
        return info;
    }
    for (const std::string& name : option.get_lnames()) info.names.push_back("--" + name);
    for (const std::string& name : option.get_snames()) info.names.push_back("-" + name);
    if (option.get_expected_max() > 0) info.value = option.get_type_name();
    return info;
}

/// A footer is "Example:" or "Examples:" and the indented lines below.
std::vector<std::string> read_examples(const std::string& footer)
{
    std::vector<std::string> examples;
    std::istringstream lines(footer);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("  ")) examples.push_back(line.substr(2));
    }
    return examples;
}

}  // namespace

CommandInfo read_command_tree(const CLI::App& app)
{
    CommandInfo info;
    info.name = app.get_name();
    info.description = app.get_description();
    info.examples = read_examples(app.get_footer());
    const auto is_shown = [&app](const CLI::Option* option) {
        return option != app.get_help_ptr() && !option->get_group().empty();
    };
    for (const CLI::Option* option : app.get_options(is_shown)) {
        info.options.push_back(read_option(*option));
    }
    const auto is_visible = [](const CLI::App* sub) { return !sub->get_group().empty(); };
    for (const CLI::App* sub : app.get_subcommands(is_visible)) {
        info.commands.push_back(read_command_tree(*sub));
    }
    return info;
}

}  // namespace peercron
