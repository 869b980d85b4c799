#include "exec/recorder.hpp"

#include "store/doubled_run.hpp"
#include "wire/codec.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>
#include <utility>

namespace peercron {

namespace {

/// Outputs that are no larger than the note that would replace them are kept.
constexpr std::size_t note_size = 256;

}  // namespace

Recorder::Recorder(asio::any_io_executor executor, const Clock& clock, StorePool& store,
                   RecorderSettings settings, Journal* journal, prometheus::Registry* metrics)
    : clock_(clock),
      store_(store),
      settings_(std::move(settings)),
      added_(executor),
      written_(executor),
      backoff_(executor, settings_.first_retry, settings_.last_retry),
      batch_limit_(settings_.max_rows),
      journal_(journal),
      keep_(std::move(executor))
{
    if (metrics == nullptr) return;
    doubled_ = &prometheus::BuildCounter()
                    .Name("peercron_runs_doubled_total")
                    .Help("Runs with a second report, recorded by this node: they ran twice.")
                    .Register(*metrics)
                    .Add({});
}

asio::awaitable<void> Recorder::run()
{
    for (;;) {
        while (waiting_.empty()) co_await added_.wait();
        co_await await_batch();
        co_await write_batch();
    }
}

asio::awaitable<void> Recorder::await_batch()
{
    SteadyTime latest = clock_.steady_now() + settings_.interval;
    const SteadyTime latest_of_all = clock_.steady_now() + settings_.busy_interval;
    while (!is_urgent_ && waiting_.size() < batch_limit_ && output_bytes_ < settings_.max_bytes) {
        const bool is_more = co_await added_.wait_until(latest);
        if (is_more) continue;
        const bool is_busy = settings_.is_busy && settings_.is_busy();
        if (!is_busy || latest >= latest_of_all) break;
        latest = std::min(latest + settings_.interval, latest_of_all);
    }
}

void Recorder::add(RunReport report)
{
    const auto [place, is_new] = waiting_.try_emplace(report.id);
    if (is_new) queue_.push_back(report.id);
    Entry& entry = place->second;
    output_bytes_ -= unkept_output(entry.report, entry.kept);
    const std::size_t size = report.output.size();
    if (size > note_size && output_bytes_ + size > settings_.max_waiting_output) {
        give_up_output(report);
    }
    output_bytes_ += report.output.size();
    entry.report = std::move(report);
    entry.kept.copy = Kept::Copy::none;
    entry.kept.output_size = 0;
    if (is_keeping_) {
        to_keep_.push_back(entry.report.id);
        keep_.notify();
    }
    added_.notify();
}

asio::awaitable<bool> Recorder::flush(SteadyTime deadline)
{
    is_urgent_ = true;
    added_.notify();
    keep_.notify();
    const auto is_done = [this] { return waiting() == 0 && stored_.empty(); };
    while (!is_done()) {
        const bool is_written = co_await written_.wait_until(deadline);
        if (!is_written && clock_.steady_now() >= deadline) break;
    }
    is_urgent_ = false;
    co_return waiting() == 0;
}

std::vector<RunReport> Recorder::pending() const
{
    std::vector<RunReport> ended;
    const auto add = [&ended](const RunReport& report) {
        if (!is_final(report.state)) return;
        RunReport slim = report;
        slim.output.clear();
        ended.push_back(std::move(slim));
    };
    for (const RunReport& report : writing_) add(report);
    for (const auto& [id, entry] : waiting_) add(entry.report);
    return ended;
}

std::size_t Recorder::unkept() const
{
    std::size_t count = 0;
    const auto add = [&count](const RunReport& report, const Kept& kept) {
        const bool is_kept =
            kept.copy == Kept::Copy::whole || kept.copy == Kept::Copy::without_output;
        if (is_final(report.state) && !is_kept) ++count;
    };
    for (std::size_t i = 0; i < writing_.size(); ++i) add(writing_[i], writing_kept_[i]);
    for (const auto& [id, entry] : waiting_) add(entry.report, entry.kept);
    return count;
}

asio::awaitable<void> Recorder::write_batch()
{
    take_batch();
    co_await read_outputs();
    const SteadyTime begun = clock_.steady_now();
    writing_since_ = begun;
    if (!is_keeping_) keep_.notify();  // so that it looks after slow_write
    std::string failure;
    try {
        const auto record = [this](Store& store) { return store.record(writing_); };
        const std::vector<DoubledRun> doubled = co_await store_.call(record);
        note_doubled(doubled);
    } catch (const StoreError& e) {
        failure = e.what();
        if (failure.empty()) failure = "unknown error";
    }
    writing_since_.reset();
    if (failure.empty()) {
        finish_batch();
        note_success(clock_.steady_now() - begun);
        written_.notify();
        co_return;
    }
    put_back();
    note_outage(failure.c_str());
    batch_limit_ = std::max<std::size_t>(1, batch_limit_ / 2);
    co_await sleep_for(backoff_.next());
}

void Recorder::take_batch()
{
    std::size_t bytes = 0;
    while (!queue_.empty() && writing_.size() < batch_limit_) {
        const auto found = waiting_.find(queue_.front());
        Entry& entry = found->second;
        const std::size_t size = entry.report.output.size() + entry.kept.output_size;
        if (!writing_.empty() && bytes + size > settings_.max_bytes) break;
        bytes += size;
        writing_.push_back(std::move(entry.report));
        writing_kept_.push_back(std::move(entry.kept));
        waiting_.erase(found);
        queue_.pop_front();
    }
}

/// Completes the batch by the outputs that only the journal has.
asio::awaitable<void> Recorder::read_outputs()
{
    std::vector<std::size_t> places;
    std::vector<JournalSequence> sequences;
    for (std::size_t i = 0; i < writing_.size(); ++i) {
        if (writing_kept_[i].output_size == 0) continue;
        places.push_back(i);
        sequences.push_back(writing_kept_[i].records.back());
    }
    if (places.empty()) co_return;
    const auto payloads = co_await journal_->read(std::move(sequences));
    for (std::size_t i = 0; i < places.size(); ++i) {
        RunReport& report = writing_[places[i]];
        const Kept& kept = writing_kept_[places[i]];
        auto whole = payloads[i] ? decode_report(*payloads[i]) : payloads[i].error();
        if (whole) {
            report.output = std::move(whole->output);
        } else {
            report.output = fmt::format("[{} bytes of output lost: {}]", kept.output_size,
                                        whole.error().message);
            spdlog::error("recorder: the output of {} is lost: {}", to_string(report.id),
                          whole.error().message);
        }
    }
}

void Recorder::finish_batch()
{
    for (std::size_t i = 0; i < writing_.size(); ++i) {
        const Kept& kept = writing_kept_[i];
        output_bytes_ -= unkept_output(writing_[i], kept);
        stored_.insert(stored_.end(), kept.records.begin(), kept.records.end());
    }
    writing_.clear();
    writing_kept_.clear();
    if (!stored_.empty()) keep_.notify();
}

void Recorder::put_back()
{
    for (std::size_t i = 0; i < writing_.size(); ++i) {
        RunReport& report = writing_[i];
        Kept& kept = writing_kept_[i];
        const auto [place, is_new] = waiting_.try_emplace(report.id);
        Entry& entry = place->second;
        if (is_new) {
            queue_.push_back(report.id);
            if (kept.copy == Kept::Copy::whole) report.output = std::string();
            entry = Entry{std::move(report), std::move(kept)};
        } else {
            output_bytes_ -= unkept_output(report, kept);  // a newer report has come meanwhile
            entry.kept.records.insert(entry.kept.records.begin(), kept.records.begin(),
                                      kept.records.end());
        }
    }
    writing_.clear();
    writing_kept_.clear();
}

void Recorder::give_up_output(RunReport& report) const
{
    report.output = fmt::format(
        "[{} bytes of output dropped: the store did not take results, and {} bytes were already "
        "waiting for it]",
        report.output.size(), output_bytes_);
}

/// The size of the output, if only memory has it.
std::size_t Recorder::unkept_output(const RunReport& report, const Kept& kept)
{
    return kept.copy == Kept::Copy::whole ? 0 : report.output.size();
}

void Recorder::note_doubled(const std::vector<DoubledRun>& runs)
{
    for (const DoubledRun& run : runs) {
        if (doubled_ != nullptr) doubled_->Increment();
        const std::string name = run.job_name.empty() ? "" : " (" + run.job_name + ")";
        spdlog::error("recorder: {}{} has {}; both are kept, and `peercron audit` shows them",
                      to_string(run.row.id), name, to_string(run));
    }
}

void Recorder::note_outage(const char* what)
{
    begin_keeping();
    if (away_since_) return;
    away_since_ = clock_.steady_now();
    spdlog::warn("recorder: the store does not take the results of runs: {}; {} wait, trying again",
                 what, waiting());
}

void Recorder::note_success(SteadyTime::duration took)
{
    backoff_.reset();
    batch_limit_ = std::min(settings_.max_rows, batch_limit_ * 2);
    const bool is_quick = took < settings_.slow_write && waiting_.size() <= settings_.max_rows;
    if (is_quick || waiting_.empty()) end_keeping();
    if (!away_since_ || !queue_.empty()) return;
    const std::chrono::duration<double> away = clock_.steady_now() - *away_since_;
    away_since_.reset();
    spdlog::info(
        "recorder: the store takes results again after {:.1f} s; everything that waited is written",
        away.count());
}

asio::awaitable<void> Recorder::keep()
{
    if (journal_ == nullptr || !journal_->is_open()) co_return;
    for (;;) {
        if (!stored_.empty() || is_to_settle_) {
            co_await remove_stored();
        } else if (is_time_to_keep()) {
            co_await append_some();
        } else {
            const SteadyTime limit = next_look();
            co_await keep_.wait_until(limit);
        }
    }
}

void Recorder::begin_keeping()
{
    if (is_keeping_ || journal_ == nullptr || !journal_->is_open()) return;
    is_keeping_ = true;
    for (const RunReport& report : writing_) to_keep_.push_back(report.id);
    to_keep_.insert(to_keep_.end(), queue_.begin(), queue_.end());
    keep_.notify();
}

void Recorder::end_keeping()
{
    if (!is_keeping_) return;
    is_keeping_ = false;
    is_to_settle_ = true;
    to_keep_.clear();
    keep_.notify();
}

bool Recorder::is_time_to_keep()
{
    const SteadyTime now = clock_.steady_now();
    if (!is_keeping_ && writing_since_ && now >= *writing_since_ + settings_.slow_write) {
        spdlog::warn("recorder: the store has not taken {} results of runs within {} ms",
                     writing_.size(), settings_.slow_write.count());
        begin_keeping();
    }
    return is_keeping_ && !to_keep_.empty() && now >= next_append_;
}

SteadyTime Recorder::next_look() const
{
    if (is_keeping_) return to_keep_.empty() ? SteadyTime::max() : next_append_;
    if (writing_since_) return *writing_since_ + settings_.slow_write;
    return SteadyTime::max();
}

asio::awaitable<void> Recorder::append_some()
{
    JournalBatch batch = take_for_journal();
    if (batch.ids.empty()) co_return;
    const auto sequences = co_await journal_->append(report_record, std::move(batch.payloads));
    if (sequences) {
        note_kept(batch, *sequences);
        next_append_ = clock_.steady_now();
        if (!is_urgent_) next_append_ += settings_.interval;
    } else {
        note_unkept(batch);
        next_append_ = clock_.steady_now() + settings_.journal_retry;
    }
}

Recorder::JournalBatch Recorder::take_for_journal()
{
    JournalBatch batch;
    std::size_t bytes = 0;
    while (!to_keep_.empty() && batch.ids.size() < settings_.max_rows) {
        const RunId id = to_keep_.front();
        const auto [report, kept] = find(id);
        const bool is_wanted =
            report != nullptr && is_final(report->state) && kept->copy == Kept::Copy::none;
        if (is_wanted) {
            const std::size_t size = report->output.size();
            if (!batch.ids.empty() && bytes + size > settings_.journal_bytes) break;
            bytes += size;
            batch.ids.push_back(id);
            if (size <= std::max<std::size_t>(journal_->largest_record(), note_size)) {
                batch.copies.push_back(Kept::Copy::whole);
                batch.payloads.push_back(encode_report(*report));
            } else {
                batch.copies.push_back(Kept::Copy::without_output);
                RunReport slim = *report;
                slim.output = fmt::format(
                    "[{} bytes of output dropped: more than the node's journal takes of one run, "
                    "a quarter of exec.journal_limit]",
                    size);
                batch.payloads.push_back(encode_report(slim));
            }
            kept->copy = Kept::Copy::under_way;
        }
        to_keep_.pop_front();
    }
    return batch;
}

/// The report of a run, the newest one, and what the journal has of it; null when none waits.
std::pair<const RunReport*, Recorder::Kept*> Recorder::find(const RunId& id)
{
    if (const auto found = waiting_.find(id); found != waiting_.end()) {
        return {&found->second.report, &found->second.kept};
    }
    for (std::size_t i = 0; i < writing_.size(); ++i) {
        if (writing_[i].id == id) return {&writing_[i], &writing_kept_[i]};
    }
    return {nullptr, nullptr};
}

void Recorder::note_kept(const JournalBatch& batch, const std::vector<JournalSequence>& sequences)
{
    for (std::size_t i = 0; i < batch.ids.size(); ++i) {
        const auto [report, kept] = find(batch.ids[i]);
        if (report == nullptr) {
            stored_.push_back(sequences[i]);  // the store has taken it meanwhile
            continue;
        }
        kept->records.push_back(sequences[i]);
        if (kept->copy != Kept::Copy::under_way) continue;  // a newer report than that
        kept->copy = batch.copies[i];
        if (kept->copy != Kept::Copy::whole) continue;
        note_whole(*report, *kept);
        const auto waits = waiting_.find(batch.ids[i]);
        // In writing_, the thread of the store's session reads it.
        if (waits != waiting_.end()) waits->second.report.output = std::string();
    }
}

void Recorder::note_unkept(const JournalBatch& batch)
{
    for (std::size_t i = batch.ids.size(); i > 0; --i) {
        const auto [report, kept] = find(batch.ids[i - 1]);
        if (report == nullptr || kept->copy != Kept::Copy::under_way) continue;
        kept->copy = Kept::Copy::none;
        if (is_keeping_) to_keep_.push_front(batch.ids[i - 1]);
    }
}

void Recorder::note_whole(const RunReport& report, Kept& kept)
{
    output_bytes_ -= report.output.size();
    kept.output_size = report.output.size();
    kept.copy = Kept::Copy::whole;
}

asio::awaitable<void> Recorder::remove_stored()
{
    is_to_settle_ = false;
    const std::size_t count = stored_.size();
    std::vector<JournalSequence> sequences = stored_;
    co_await journal_->remove(std::move(sequences));
    // Not before: flush() waits for it.
    stored_.erase(stored_.begin(), stored_.begin() + static_cast<std::ptrdiff_t>(count));
    written_.notify();
}

asio::awaitable<void> Recorder::replay()
{
    if (journal_ == nullptr || !journal_->is_open()) co_return;
    const std::vector<JournalEntry> entries = co_await journal_->entries(report_record);
    for (std::size_t begin = 0; begin < entries.size();) {
        std::vector<JournalSequence> sequences;
        std::size_t bytes = 0;
        while (begin < entries.size() && bytes < settings_.journal_bytes) {
            bytes += entries[begin].size;
            sequences.push_back(entries[begin].sequence);
            ++begin;
        }
        const auto payloads = co_await journal_->read(sequences);
        for (std::size_t i = 0; i < payloads.size(); ++i) {
            auto report = payloads[i] ? decode_report(*payloads[i]) : payloads[i].error();
            if (report) {
                take_replayed(sequences[i], std::move(*report));
            } else {
                spdlog::error(
                    "recorder: a record of the journal cannot be used and stays there: {}",
                    report.error().message);
            }
        }
    }
    if (waiting_.empty()) co_return;
    spdlog::warn(
        "recorder: {} runs ended before this start, and the store has not taken their results; "
        "trying again",
        waiting_.size());
}

void Recorder::take_replayed(JournalSequence sequence, RunReport report)
{
    const RunId id = report.id;
    add(std::move(report));
    Entry& entry = waiting_.find(id)->second;
    entry.kept.records.push_back(sequence);
    note_whole(entry.report, entry.kept);
    entry.report.output = std::string();
}

}  // namespace peercron
