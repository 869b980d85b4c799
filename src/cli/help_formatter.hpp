#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace peercron {

/// Help texts in the form of this program: no counts of what may be repeated, no inner values of
/// flags, descriptions wrapped at 100 columns, one blank line between groups.
class HelpFormatter : public CLI::Formatter {
public:
    std::string make_group(std::string group, bool is_positional,
                           std::vector<const CLI::Option*> options) const override;
    std::string make_option_name(const CLI::Option* option, bool is_positional) const override;
    std::string make_option_opts(const CLI::Option* option) const override;
    std::string make_option_usage(const CLI::Option* option) const override;
    std::string make_option(const CLI::Option* option, bool is_positional) const override;
    std::string make_subcommand(const CLI::App* command) const override;
    std::string make_help(const CLI::App* app, std::string name,
                          CLI::AppFormatMode mode) const override;
};

}  // namespace peercron
