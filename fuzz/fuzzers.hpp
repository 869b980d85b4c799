#pragma once

#include <array>
#include <stdexcept>
#include <string>
#include <string_view>

namespace peercron::fuzz {

// A fuzzer is a function that takes any bytes, hands them to a parser of what others have written,
// and checks what that promises of them. It throws BrokenPromise. The tests hand it the kept
// corpora.

struct BrokenPromise : std::logic_error {
    using std::logic_error::logic_error;
};

inline void promise(bool is_kept, const char* what)
{
    if (!is_kept) throw BrokenPromise(what);
}

void fuzz_answers(std::string_view bytes);
void fuzz_calendar(std::string_view bytes);
void fuzz_config(std::string_view bytes);
void fuzz_crontab(std::string_view bytes);
void fuzz_http(std::string_view bytes);
void fuzz_jobs(std::string_view bytes);
void fuzz_journal(std::string_view bytes);
void fuzz_message(std::string_view bytes);
void fuzz_output(std::string_view bytes);
void fuzz_peer(std::string_view bytes);
void fuzz_schedule(std::string_view bytes);
void fuzz_sign_in(std::string_view bytes);
void fuzz_stored(std::string_view bytes);
void fuzz_time(std::string_view bytes);

struct Fuzzer {
    std::string_view name;  ///< of its folder in fuzz/corpus
    void (*run)(std::string_view bytes);
};

inline constexpr std::array fuzzers{
    Fuzzer{"answers", fuzz_answers},    // of Consul, and of nodes to the command line
    Fuzzer{"calendar", fuzz_calendar},  // dates, and iCalendar texts
    Fuzzer{"config", fuzz_config},      // the configuration: TOML, variables, --set
    Fuzzer{"crontab", fuzz_crontab},    // of `import`
    Fuzzer{"http", fuzz_http},          // requests: head, body, query string, form, JSON
    Fuzzer{"jobs", fuzz_jobs},          // the job files of `apply`: TOML
    Fuzzer{"journal", fuzz_journal},    // a node's file of records that wait
    Fuzzer{"message", fuzz_message},    // of peers: frames, messages, reports
    Fuzzer{"output", fuzz_output},      // of commands: as text, and on a terminal
    Fuzzer{"peer", fuzz_peer},          // a connection of somebody at a peer port: greeting, TLS
    Fuzzer{"schedule", fuzz_schedule},  // cron expressions and time zones
    Fuzzer{"sign_in", fuzz_sign_in},    // of an OpenID provider: tokens and keys
    Fuzzer{"stored", fuzz_stored},      // columns of the database that have a form
    Fuzzer{"time", fuzz_time},          // moments, durations and sizes as people write them
};

}  // namespace peercron::fuzz
