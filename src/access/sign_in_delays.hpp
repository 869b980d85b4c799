#pragma once

#include "base/clock.hpp"

#include <chrono>
#include <cstddef>
#include <map>
#include <string>

namespace peercron {

/// How long somebody has to wait who gives wrong passwords: for an account, and at an address.
///
/// The first wrong passwords cost nothing; each further one doubles the wait, from one second up.
/// An account is held up for less than an address, so that a stranger cannot lock a person out for
/// long. A right password clears the account's, and takes back its own try of the address's. What
/// was wrong is forgotten after a quiet time. Of the addresses and accounts that are remembered,
/// the oldest give way.
class SignInDelays {
public:
    static constexpr int free_tries = 3;
    static constexpr std::chrono::seconds longest_of_account{30};
    static constexpr std::chrono::seconds longest_of_address{15 * 60};
    static constexpr std::chrono::minutes memory{30};
    static constexpr std::size_t most_remembered = 10'000;

    /// How long the next try is refused; 0 = it may be made.
    std::chrono::seconds wait(const std::string& account, const std::string& address,
                              SteadyTime now) const;

    /// To be called before a try is made, so that many at once count as many.
    void note_try(const std::string& account, const std::string& address, SteadyTime now);
    void note_right(const std::string& account, const std::string& address);

private:
    struct Failures {
        int count = 0;
        SteadyTime last{};
    };
    using Book = std::map<std::string, Failures>;

    static std::chrono::seconds wait(const Book& book, const std::string& key,
                                     std::chrono::seconds longest, SteadyTime now);
    static void note(Book& book, const std::string& key, SteadyTime now);

    Book accounts_;
    Book addresses_;
};

}  // namespace peercron
