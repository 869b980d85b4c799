#include "model/job_statistics.hpp"

#include "base/short_numbers.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

namespace peercron {
namespace {

// Begins every text of to_text(); another number when that writes something else.
constexpr std::string_view format_of_statistics = "1";
/// With the newest fires that have several parts: an older program makes it again.
constexpr std::string_view format_with_parts = "3";
constexpr std::string_view format_of_tally = "1";

constexpr int number_base = 36;
constexpr char separator = ' ';
constexpr char not_ended = '-';

auto minute_of(WallTime time)
{
    return std::chrono::floor<std::chrono::minutes>(time);
}

char letter_of(const std::optional<Outcome>& end)
{
    return end ? static_cast<char>('0' + static_cast<int>(*end)) : not_ended;
}

/// Fields with a space between.
class FieldWriter {
public:
    explicit FieldWriter(std::string& out) : out_(out) {}

    void text(std::string_view text)
    {
        if (!out_.empty()) out_ += separator;
        out_ += text;
    }
    /// std::to_chars() divides by a base that it learns when it runs, which takes far longer.
    void number(std::int64_t number)
    {
        constexpr std::string_view all = "0123456789abcdefghijklmnopqrstuvwxyz";
        char digits[16];
        char* first = std::end(digits);
        const auto bits = static_cast<std::uint64_t>(number);
        std::uint64_t rest = number < 0 ? 0 - bits : bits;
        do {
            *--first = all[rest % number_base];
            rest /= number_base;
        } while (rest != 0);
        if (number < 0) *--first = '-';
        if (!out_.empty()) *--first = separator;
        out_.append(first, static_cast<std::size_t>(std::end(digits) - first));
    }
    void time(const std::optional<WallTime>& time)
    {
        if (time) {
            number(to_unix_millis(*time));
        } else {
            text("-");
        }
    }

private:
    std::string& out_;
};

/// Reads them back; once something is wrong, is_good() is false.
class FieldReader {
public:
    explicit FieldReader(std::string_view text) : rest_(text) {}

    std::string_view text()
    {
        if (is_at_end_) {
            is_good_ = false;
            return {};
        }
        const auto space = rest_.find(separator);
        const std::string_view field = rest_.substr(0, space);
        is_at_end_ = space == std::string_view::npos;
        rest_.remove_prefix(is_at_end_ ? rest_.size() : space + 1);
        return field;
    }
    std::int64_t number()
    {
        std::int64_t number = 0;
        const char* const end = rest_.data() + rest_.size();
        const auto read = read_short_number<number_base>(rest_.data(), end, number);
        const bool is_whole = read.ptr == end || *read.ptr == separator;
        if (is_at_end_ || read.ec != std::errc() || !is_whole) {
            is_good_ = false;
            text();
            return number;
        }
        is_at_end_ = read.ptr == end;
        rest_.remove_prefix(static_cast<std::size_t>(read.ptr - rest_.data()));
        if (!is_at_end_) rest_.remove_prefix(1);
        return number;
    }
    WallTime time() { return from_unix_millis(number()); }
    std::optional<WallTime> time_or_none()
    {
        if (!rest_.starts_with('-')) return time();
        if (text() == "-") return std::nullopt;
        is_good_ = false;
        return std::nullopt;
    }
    Outcome outcome()
    {
        const std::int64_t place = number();
        if (place < 0 || place >= std::ssize(outcome_words)) is_good_ = false;
        return is_good_ ? static_cast<Outcome>(place) : Outcome::success;
    }
    /// As letter_of() writes them.
    std::vector<std::optional<Outcome>> ends()
    {
        std::vector<std::optional<Outcome>> ends;
        for (const char letter : text()) {
            auto& end = ends.emplace_back();
            const int place = letter - '0';
            const bool is_outcome = place >= 0 && place < std::ssize(outcome_words);
            if (is_outcome) end = static_cast<Outcome>(place);
            if (!is_outcome && letter != not_ended) is_good_ = false;
        }
        return ends;
    }
    Distribution distribution(std::int64_t fades_at)
    {
        auto read = Distribution::parse(text(), fades_at);
        if (!read) is_good_ = false;
        return std::move(read).value_or(Distribution(fades_at));
    }

    bool is_good() const { return is_good_; }
    bool is_whole() const { return is_good_ && is_at_end_; }

private:
    std::string_view rest_;
    bool is_at_end_ = false;
    bool is_good_ = true;
};

/// As long as an attempt has run, whatever came of it.
bool has_use_time(Outcome outcome)
{
    return outcome == Outcome::success;
}

}  // namespace

void JobStatistics::add(const EndedRun& run)
{
    add_measures(run);
    if (run.parts > 1) {
        add_part(run);
    } else {
        add_fire(run);
    }
}

/// nullptr: its fire is not kept any more, nor are the other parts.
JobStatistics::CutFire* JobStatistics::fire_of(const EndedRun& part)
{
    if (cut_forgotten_ && part.scheduled_at <= *cut_forgotten_) return nullptr;
    auto fire = std::ranges::lower_bound(cut_fires_, part.scheduled_at, {}, &CutFire::at);
    if (fire == cut_fires_.end() || fire->at != part.scheduled_at) {
        fire = cut_fires_.insert(fire, {part.scheduled_at, {}, {}});
    }
    const auto parts = static_cast<std::size_t>(std::max(part.parts, part.part + 1));
    if (fire->parts.size() < parts) fire->parts.resize(parts);
    return std::to_address(fire);
}

void JobStatistics::forget_fires()
{
    std::size_t parts = 0;
    for (const CutFire& fire : cut_fires_) parts += fire.parts.size();
    while (cut_fires_.size() > most_fires_of_parts) {
        const CutFire& oldest = cut_fires_.front();
        const bool is_full = cut_fires_.size() > most_open_fires || parts > most_open_parts;
        if (oldest.counted != Outcome::success && !is_full) return;
        parts -= oldest.parts.size();
        cut_forgotten_ = oldest.at;
        cut_fires_.erase(cut_fires_.begin());
    }
}

void JobStatistics::add_part(const EndedRun& run)
{
    CutFire* const fire = fire_of(run);
    if (fire == nullptr) return;
    std::optional<Outcome>& part = fire->parts[static_cast<std::size_t>(run.part)];
    // A further attempt is made only of what has failed, and this one did not run.
    const bool is_given_up = run.attempt > 1 && !did_run(run.outcome);
    part = is_given_up ? part.value_or(Outcome::failed) : run.outcome;
    const std::optional<Outcome> before = fire->counted;
    const std::optional<Outcome> after = outcome_of_fire(fire->parts);
    if (after && after != before) {
        fire->counted = after;
        if (before == Outcome::success) --successes_;  // a part was run again, and failed
        EndedRun whole = run;
        whole.outcome = *after;
        // It is counted already.
        whole.was_lost = before && did_run(*before);
        add_fire(whole);
    }
    forget_fires();
}

void JobStatistics::add_fire(const EndedRun& run)
{
    EndedRun fire = run;
    if (run.attempt > 1 && !did_run(run.outcome)) {
        // It was due because the one before had failed, or nobody knew of its end: that stays.
        const bool is_known =
            last_at_ == run.scheduled_at && last_outcome_ && did_run(*last_outcome_);
        fire.outcome = is_known ? *last_outcome_ : Outcome::failed;
    }
    if (did_run(run.outcome) && !run.was_lost) ++runs_;
    if (!did_run(run.outcome) && run.was_lost) --runs_;  // it was taken to have run, and had not
    if (run.outcome == Outcome::success) {
        ++successes_;
        last_success_at_ = std::max(last_success_at_.value_or(run.scheduled_at), run.scheduled_at);
    }
    if (!last_at_ || run.scheduled_at >= *last_at_) {
        last_at_ = run.scheduled_at;
        last_outcome_ = fire.outcome;
    }
    follow_failures(fire);
    add_tick(fire);
}

void JobStatistics::add_measures(const EndedRun& run)
{
    if (const auto lateness = run.lateness()) lateness_.add(lateness->count());
    if (!has_use_time(run.outcome)) return;
    use_time_.add(run.use_time.count());
    output_.add(run.output_bytes);
    memory_.add(run.max_rss);
}

void JobStatistics::follow_failures(const EndedRun& run)
{
    if (run.outcome == Outcome::success) {
        failures_in_row_ = 0;
        failing_since_.reset();
        return;
    }
    if (!is_failure(run.outcome)) return;
    // A further attempt of the same fire is not another failure.
    if (last_failure_at_ == run.scheduled_at && failures_in_row_ > 0) return;
    last_failure_at_ = run.scheduled_at;
    ++failures_in_row_;
    if (!failing_since_) failing_since_ = run.scheduled_at;
}

void JobStatistics::add_tick(const EndedRun& run)
{
    const auto minute = minute_of(run.scheduled_at);
    // From the end: mostly it is the newest, or one behind it.
    auto at = ticks_.end();
    while (at != ticks_.begin() && minute_of(std::prev(at)->at) >= minute) --at;
    if (at != ticks_.end() && minute_of(at->at) == minute) {
        RunTick& tick = *at;
        const bool is_same_fire = tick.at == run.scheduled_at || run.was_lost || run.attempt > 1;
        if (is_same_fire && tick.runs == 1) {
            tick.outcome = run.outcome;
        } else {
            tick.outcome = std::max(tick.outcome, run.outcome);
        }
        if (!is_same_fire) tick.runs += run.fires;
        tick.use_time = std::max(tick.use_time, run.use_time);
        tick.at = std::max(tick.at, run.scheduled_at);
        return;
    }
    if (at == ticks_.begin() && ticks_.size() >= most_ticks) return;  // older than all of them
    ticks_.insert(at, {run.scheduled_at, run.outcome, run.use_time, run.fires});
    if (ticks_.size() > most_ticks) ticks_.erase(ticks_.begin());
}

bool JobStatistics::is_by_minute() const
{
    const auto several =
        std::ranges::count_if(ticks_, [](const RunTick& tick) { return tick.runs > 1; });
    return 2 * several > std::ssize(ticks_);
}

std::optional<std::chrono::milliseconds> JobStatistics::usual_time() const
{
    const auto median = use_time_.quantile(0.5);
    if (!median) return std::nullopt;
    return std::chrono::milliseconds(*median);
}

std::optional<std::chrono::milliseconds> JobStatistics::usual_p95() const
{
    const auto most = use_time_.quantile(0.95);
    if (!most) return std::nullopt;
    return std::chrono::milliseconds(*most);
}

std::string JobStatistics::to_text() const
{
    std::string text;
    text.reserve(1024);
    FieldWriter write(text);
    const bool has_parts = !cut_fires_.empty();
    write.text(has_parts ? format_with_parts : format_of_statistics);
    write.number(runs_);
    write.number(successes_);
    write.number(failures_in_row_);
    write.time(failing_since_);
    write.time(last_failure_at_);
    write.time(last_success_at_);
    write.time(last_at_);
    write.number(last_outcome_ ? static_cast<std::int64_t>(*last_outcome_) : -1);
    write.text(use_time_.to_text());
    write.text(lateness_.to_text());
    write.text(output_.to_text());
    write.text(memory_.to_text());
    if (has_parts) {
        write.time(cut_forgotten_);
        write.number(std::ssize(cut_fires_));
    }
    for (const CutFire& fire : cut_fires_) {
        write.number(to_unix_millis(fire.at));
        std::string ends(1, letter_of(fire.counted));
        for (const std::optional<Outcome>& part : fire.parts) ends += letter_of(part);
        write.text(ends);
    }
    WallTime before{};
    for (const RunTick& tick : ticks_) {
        write.number(to_unix_millis(tick.at) - to_unix_millis(before));
        write.number(static_cast<std::int64_t>(tick.outcome));
        write.number(tick.use_time.count());
        write.number(tick.runs);
        before = tick.at;
    }
    return text;
}

std::optional<JobStatistics> JobStatistics::parse(std::string_view text)
{
    FieldReader read(text);
    const std::string_view format = read.text();
    const bool has_parts = format == format_with_parts;
    if (format != format_of_statistics && !has_parts) return std::nullopt;
    JobStatistics statistics;
    statistics.runs_ = read.number();
    statistics.successes_ = read.number();
    statistics.failures_in_row_ = read.number();
    statistics.failing_since_ = read.time_or_none();
    statistics.last_failure_at_ = read.time_or_none();
    statistics.last_success_at_ = read.time_or_none();
    statistics.last_at_ = read.time_or_none();
    const std::int64_t last = read.number();
    if (last >= std::ssize(outcome_words)) return std::nullopt;
    if (last >= 0) statistics.last_outcome_ = static_cast<Outcome>(last);
    statistics.use_time_ = read.distribution(recent_runs);
    statistics.lateness_ = read.distribution(recent_runs);
    statistics.output_ = read.distribution(recent_runs);
    statistics.memory_ = read.distribution(recent_runs);
    if (has_parts) statistics.cut_forgotten_ = read.time_or_none();
    const std::int64_t cut_fires = has_parts ? read.number() : 0;
    if (cut_fires > static_cast<std::int64_t>(most_open_fires)) return std::nullopt;
    for (std::int64_t i = 0; i < cut_fires && read.is_good(); ++i) {
        CutFire fire;
        fire.at = read.time();
        fire.parts = read.ends();
        if (fire.parts.empty()) return std::nullopt;
        fire.counted = fire.parts.front();
        fire.parts.erase(fire.parts.begin());
        statistics.cut_fires_.push_back(std::move(fire));
    }
    std::int64_t before = 0;
    statistics.ticks_.reserve(most_ticks + 1);
    while (read.is_good() && !read.is_whole() && statistics.ticks_.size() < most_ticks) {
        RunTick tick;
        before += read.number();
        tick.at = from_unix_millis(before);
        tick.outcome = read.outcome();
        tick.use_time = std::chrono::milliseconds(read.number());
        tick.runs = read.number();
        statistics.ticks_.push_back(tick);
    }
    if (!read.is_whole()) return std::nullopt;
    return statistics;
}

void RunTally::add(const EndedRun& run)
{
    fires[static_cast<std::size_t>(run.outcome)] += run.fires;
    if (run.was_lost) --fires[static_cast<std::size_t>(Outcome::lost)];
    if (const auto late = run.lateness()) lateness.add(late->count());
}

void RunTally::merge(const RunTally& other)
{
    for (std::size_t i = 0; i < fires.size(); ++i) fires[i] += other.fires[i];
    lateness.merge(other.lateness);
}

std::string RunTally::to_text() const
{
    std::string text;
    FieldWriter write(text);
    write.text(format_of_tally);
    for (const std::int64_t number : fires) write.number(number);
    write.text(lateness.to_text());
    return text;
}

std::optional<RunTally> RunTally::parse(std::string_view text)
{
    FieldReader read(text);
    if (read.text() != format_of_tally) return std::nullopt;
    RunTally tally;
    for (std::int64_t& number : tally.fires) number = read.number();
    tally.lateness = read.distribution(0);
    if (!read.is_whole()) return std::nullopt;
    return tally;
}

std::chrono::sys_seconds tally_of(WallTime time)
{
    const auto second = std::chrono::floor<std::chrono::seconds>(time);
    const auto into = second.time_since_epoch() % RunTally::length;
    return second - (into < std::chrono::seconds(0) ? into + RunTally::length : into);
}

}  // namespace peercron
