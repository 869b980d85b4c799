#include "model/unusual.hpp"

#include "model/job_fields.hpp"

#include <algorithm>

namespace peercron {

std::optional<Oddity> parse_oddity(std::string_view word)
{
    const auto* const found = std::ranges::find(oddity_words, word);
    if (found == oddity_words.end()) return std::nullopt;
    return static_cast<Oddity>(found - oddity_words.begin());
}

std::string to_string(const Oddities& oddities)
{
    std::string text;
    for (std::size_t i = 0; i < oddity_words.size(); ++i) {
        if (!oddities.test(i)) continue;
        if (!text.empty()) text += ',';
        text += oddity_words[i];
    }
    return text;
}

Oddities parse_oddities(std::string_view text)
{
    Oddities oddities;
    for (const std::string& word : split_words(text)) {
        if (const auto oddity = parse_oddity(word)) oddities.set(static_cast<std::size_t>(*oddity));
    }
    return oddities;
}

UsualRun usual_run_of(const JobStatistics& statistics)
{
    constexpr double nearly_all = 0.95;
    constexpr double nearly_none = 0.05;
    constexpr std::int64_t least_output = 4096;
    constexpr std::int64_t least_memory = std::int64_t{32} << 20U;
    UsualRun usual;
    if (statistics.use_time().count() < runs_to_know) return usual;
    usual.time = usual_time_of(statistics);
    usual.writes = statistics.output().quantile(nearly_none).value_or(0) > 0;
    const std::int64_t output = statistics.output().quantile(nearly_all).value_or(0);
    usual.most_output = std::max(3 * output, least_output);
    // Requests have none, and of short processes it may not be known.
    const std::int64_t memory = statistics.memory().quantile(nearly_all).value_or(0);
    if (memory > 0) usual.most_memory = std::max(2 * memory, least_memory);
    return usual;
}

Oddities oddities_of(const EndedRun& run, const UsualRun& usual, std::chrono::seconds slow_after)
{
    Oddities oddities;
    const bool is_success = run.outcome == Outcome::success;
    const bool is_judged =
        is_success || run.outcome == Outcome::failed || run.outcome == Outcome::timeout;
    if (!is_judged || !run.started_at) return oddities;
    const auto note = [&oddities](Oddity oddity, bool has_it) {
        oddities.set(static_cast<std::size_t>(oddity), has_it);
    };
    const std::optional<std::chrono::milliseconds> slow =
        slow_after.count() > 0 ? slow_after : usual.time.slow_after;
    note(Oddity::slow, slow && run.use_time > *slow);
    note(Oddity::fast,
         is_success && usual.time.fast_before && run.use_time < *usual.time.fast_before);
    note(Oddity::silent, is_success && usual.writes && run.output_bytes == 0);
    note(Oddity::more_output, usual.most_output && run.output_bytes > *usual.most_output);
    note(Oddity::more_memory, usual.most_memory && run.max_rss > *usual.most_memory);
    return oddities;
}

}  // namespace peercron
