#pragma once

#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace peercron::naive {

/// Cron, written a second time and as simply as possible, to check the engine against: it asks of
/// every value whether an element names it, and walks time second by second as crond does. Six or
/// seven fields; no H, no aliases.
class Cron {
public:
    explicit Cron(std::string_view expression);

    bool matches_date(std::chrono::local_days day) const;

    /// The fires in [begin, end) by cronie's virtual clock: src/cron.c, main().
    std::vector<std::chrono::sys_seconds> fires(std::string_view zone,
                                                std::chrono::sys_seconds begin,
                                                std::chrono::sys_seconds end) const;

private:
    bool matches_time(int second_of_day) const;

    std::vector<std::string> fields_, days_, weekdays_;
    std::vector<bool> seconds_, minutes_, hours_, months_, years_;
};

/// Random expressions that mean something, many of them around the hours when clocks change.
class Generator {
public:
    explicit Generator(std::uint32_t seed) : random_(seed) {}

    int below(int limit) { return static_cast<int>(random_() % static_cast<std::uint32_t>(limit)); }
    int between(int first, int last) { return first + below(last - first + 1); }
    bool one_in(int n) { return below(n) == 0; }

    std::string expression();
    std::string date_fields();  ///< day month weekday year

private:
    std::string set(int min, int max);
    std::string day();
    std::string weekday();

    std::mt19937 random_;
};

/// How many random cases to try: `usual`, less under a sanitizer, times PEERCRON_TEST_SCALE.
int cases(int usual);

}  // namespace peercron::naive
