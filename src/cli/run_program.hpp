#pragma once

#include <string>
#include <vector>

namespace peercron {

/// How a program ended, and what it had to say.
struct ProgramEnd {
    int status = 0;      ///< its exit status; 128 and the signal's number if it was killed
    std::string output;  ///< standard output; standard error goes where this process's goes
};

/// Runs a program of this machine, found by PATH, and waits for its end; it gets no input. One that
/// cannot be started throws std::system_error.
ProgramEnd run_program(std::vector<std::string> words);

}  // namespace peercron
