#include "access/sign_in_delays.hpp"

#include <algorithm>

namespace peercron {

using std::chrono::seconds;

seconds SignInDelays::wait(const std::string& account, const std::string& address,
                           SteadyTime now) const
{
    return std::max(wait(accounts_, account, longest_of_account, now),
                    wait(addresses_, address, longest_of_address, now));
}

void SignInDelays::note_try(const std::string& account, const std::string& address, SteadyTime now)
{
    note(accounts_, account, now);
    note(addresses_, address, now);
}

void SignInDelays::note_right(const std::string& account, const std::string& address)
{
    accounts_.erase(account);
    const auto there = addresses_.find(address);
    if (there != addresses_.end() && --there->second.count <= 0) addresses_.erase(there);
}

seconds SignInDelays::wait(const Book& book, const std::string& key, seconds longest,
                           SteadyTime now)
{
    const auto found = book.find(key);
    if (found == book.end() || found->second.last + memory <= now) return seconds(0);
    const int beyond = found->second.count - free_tries;
    if (beyond < 0) return seconds(0);
    constexpr int most_doublings = 10;  // 2^10 s is beyond the longest wait
    const seconds delay = std::min(longest, seconds(1 << std::min(beyond, most_doublings)));
    const auto left = found->second.last + delay - now;
    return std::max(seconds(0), std::chrono::ceil<seconds>(left));
}

void SignInDelays::note(Book& book, const std::string& key, SteadyTime now)
{
    if (book.size() >= most_remembered && !book.contains(key)) {
        book.erase(std::ranges::min_element(book, {},
                                            [](const auto& entry) { return entry.second.last; }));
    }
    Failures& failures = book[key];
    if (failures.last + memory <= now) failures.count = 0;
    ++failures.count;
    failures.last = now;
}

}  // namespace peercron
