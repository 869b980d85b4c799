#include "cli/read_password.hpp"

#include "cli/exit_status.hpp"

#include <termios.h>
#include <unistd.h>

#include <iostream>

namespace peercron {
namespace {

/// A terminal that does not show what is typed.
class Unseen {
public:
    Unseen()
    {
        ::tcgetattr(STDIN_FILENO, &before_);
        termios quiet = before_;
        quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    Unseen(const Unseen&) = delete;
    Unseen& operator=(const Unseen&) = delete;
    ~Unseen() { ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_); }

private:
    termios before_{};
};

std::string read_line()
{
    std::string line;
    std::getline(std::cin, line);
    if (line.ends_with('\r')) line.pop_back();
    return line;
}

std::string ask(const std::string& prompt)
{
    std::string line;
    {
        const Unseen unseen;  // before the prompt: what is typed earlier is dropped
        std::cerr << prompt << std::flush;
        line = read_line();
    }
    std::cerr << '\n';
    return line;
}

}  // namespace

std::string read_password(const std::string& prompt)
{
    if (::isatty(STDIN_FILENO) == 0) {
        std::string line = read_line();
        if (line.empty()) {
            throw Failure(ExitStatus::usage,
                          "no password: give it on standard input, or use a terminal");
        }
        return line;
    }
    std::string password = ask(prompt + ": ");
    if (ask("Again: ") != password) {
        throw Failure(ExitStatus::usage, "the two passwords differ; nothing was changed");
    }
    return password;
}

}  // namespace peercron
