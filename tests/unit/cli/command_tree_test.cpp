#include "cli/command_tree.hpp"
#include "cli/client_commands.hpp"
#include "cli/completion.hpp"
#include "cli/man_page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace peercron {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// The client's commands and one of the program's own.
class CommandTree : public ::testing::Test {
protected:
    CommandTree()
    {
        app_.set_version_flag("--version", "peercron 1.2");
        auto* const serve = app_.add_subcommand("serve", "Run a node");
        serve->add_option("--config", file_, "The configuration")->type_name("FILE");
        add_client_commands(app_, chosen_);
    }

    template <class Visit>
    static void walk(const CommandInfo& command, const Visit& visit)
    {
        visit(command);
        for (const CommandInfo& sub : command.commands) walk(sub, visit);
    }

    CLI::App app_{"It runs jobs.", "peercron"};
    Action chosen_;
    std::string file_;
};

TEST_F(CommandTree, HasEveryCommandWithItsOptions)
{
    const CommandInfo tree = read_command_tree(app_);
    std::vector<std::string> names;
    for (const CommandInfo& sub : tree.commands) names.push_back(sub.name);
    EXPECT_THAT(names, ::testing::ElementsAre(
                           "serve", "next", "job", "log", "run", "node", "status", "why", "stats",
                           "agenda", "channel", "pause", "account", "token", "lock", "calendar",
                           "audit", "import", "export", "apply", "service", "completion", "man"));
    const CommandInfo& serve = tree.commands.front();
    ASSERT_EQ(serve.options.size(), 1U);
    EXPECT_THAT(serve.options.front().names, ::testing::ElementsAre("--config"));
    EXPECT_EQ(serve.options.front().value, "FILE");
}

TEST_F(CommandTree, EveryCommandOfTheClientHasADescriptionAndAnExample)
{
    const CommandInfo tree = read_command_tree(app_);
    for (const CommandInfo& command : tree.commands) {
        if (command.name == "serve") continue;
        walk(command, [](const CommandInfo& each) {
            EXPECT_FALSE(each.description.empty()) << each.name;
            EXPECT_FALSE(each.examples.empty()) << each.name;
            for (const std::string& example : each.examples) {
                EXPECT_THAT(example, HasSubstr("peercron ")) << each.name;
            }
            for (const OptionInfo& option : each.options) {
                EXPECT_FALSE(option.description.empty()) << each.name;
            }
        });
    }
}

TEST_F(CommandTree, CompletionAndManualKnowEveryCommandAndOption)
{
    const CommandInfo tree = read_command_tree(app_);
    const std::string bash = bash_completion(tree);
    const std::string zsh = zsh_completion(tree);
    const std::string manual = man_page(tree, "1.2");
    for (const CommandInfo& sub : tree.commands) {
        walk(sub, [&](const CommandInfo& command) {
            EXPECT_THAT(bash, HasSubstr("/" + command.name));
            EXPECT_THAT(zsh, HasSubstr("'" + command.name + ":"));
            for (const OptionInfo& option : command.options) {
                for (const std::string& name : option.names) {
                    EXPECT_THAT(manual, HasSubstr(roff_escaped(name)));
                    if (option.positional) continue;
                    EXPECT_THAT(bash, HasSubstr(name));
                    EXPECT_THAT(zsh, HasSubstr("'" + name + "["));
                }
            }
        });
    }
}

TEST_F(CommandTree, BashNeverExpandsTheNamesOfJobs)
{
    // compgen -W would run a $(...) in a name.
    EXPECT_THAT(bash_completion(read_command_tree(app_)), Not(HasSubstr("-W \"$(peercron")));
}

TEST(RoffEscaped, PrintsExactlyTheCharacters)
{
    EXPECT_EQ(roff_escaped("--a 'b'\\n"), R"(\-\-a \(aqb\(aq\(rsn)");
    EXPECT_EQ(roff_escaped(".TH\n'x"), "\\&.TH\n\\&\\(aqx");
    EXPECT_EQ(roff_escaped("`~^"), R"(\(ga\(ti\(ha)");
}

TEST(Target, EncodesAllButTheUnreserved)
{
    EXPECT_EQ(make_target("/log/list", {}), "/log/list");
    EXPECT_EQ(make_target("/log/list", {{"search", "a b&c=d/ü+"}, {"page", "1"}}),
              "/log/list?search=a%20b%26c%3Dd%2F%C3%BC%2B&page=1");
}

}  // namespace
}  // namespace peercron
