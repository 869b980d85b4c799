#include "cli/shell_quote.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>
#include <vector>

namespace peercron {
namespace {

/// The words that /bin/sh makes of a line.
std::vector<std::string> split_by_shell(const std::string& line)
{
    const std::string script = "printf '%s\\0' " + line;
    FILE* const pipe = ::popen(script.c_str(), "r");
    std::string all;
    std::array<char, 512> piece;
    std::size_t count = 0;
    while ((count = std::fread(piece.data(), 1, piece.size(), pipe)) > 0) {
        all.append(piece.data(), count);
    }
    EXPECT_EQ(::pclose(pipe), 0);
    std::vector<std::string> words;
    for (std::size_t begin = 0; begin < all.size();) {
        const std::size_t end = all.find('\0', begin);
        words.push_back(all.substr(begin, end - begin));
        begin = end + 1;
    }
    return words;
}

TEST(ShellQuote, LeavesPlainWordsAsTheyAre)
{
    EXPECT_EQ(shell_join(std::vector<std::string>{"backup.sh", "--all", "/var/lib", "a@b:1,2%"}),
              "backup.sh --all /var/lib a@b:1,2%");
}

TEST(ShellQuote, QuotesWhatTheShellWouldReadOtherwise)
{
    EXPECT_EQ(shell_quote("two words"), "'two words'");
    EXPECT_EQ(shell_quote(""), "''");
    EXPECT_EQ(shell_quote("it's"), R"('it'\''s')");
    EXPECT_EQ(shell_quote("A=b"), "'A=b'");
    EXPECT_EQ(shell_quote("~root"), "'~root'");
}

TEST(ShellQuote, AShellGetsTheSameWordsAgain)
{
    const std::vector<std::string> words{
        "sh",   "-c",      "[ -f /x ] && echo \"$HOME\" | tr a b; exit",
        "",     "it's",    "''",
        "\\",   "$(x)",    "`y`",
        "a\nb", "*?[a]",   "#no",
        "!",    "grüße 🎉", "{a,b}",
        "\t",   "A=b",     "-",
        "--",   ">f",      "&"};
    EXPECT_EQ(split_by_shell(shell_join(words)), words);
}

}  // namespace
}  // namespace peercron
