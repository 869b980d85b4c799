#include "base/disk_journal.hpp"

#include "base/counted.hpp"

#include <spdlog/spdlog.h>

#include <array>
#include <span>
#include <utility>

namespace peercron {
namespace {

prometheus::Gauge& gauge(prometheus::Registry& metrics, const char* name, const char* help)
{
    return prometheus::BuildGauge().Name(name).Help(help).Register(metrics).Add({});
}

void tell(const std::string& path, const JournalFile::Found& found)
{
    if (found.torn > 0) {
        spdlog::warn(
            "journal: {}: the last write was cut off: {} bytes are lost, {} complete records "
            "remain",
            path, found.torn, found.records);
    }
    if (found.damaged > 0) {
        spdlog::error(
            "journal: {}: {} bytes are damaged and cannot be read, {} complete records remain; the "
            "damaged part {}",
            path, found.damaged, found.records,
            found.damage_kept_in.empty() ? "could not be kept"
                                         : "is kept in " + found.damage_kept_in);
    }
    if (found.records > 0) {
        spdlog::info(
            "journal: {}: {} since the last stop", path,
            counted(static_cast<std::int64_t>(found.records), "record waits", "records wait"));
    }
}

}  // namespace

std::string_view to_string(DiskJournal::State state)
{
    constexpr std::array<std::string_view, 4> names{"off", "ok", "failing", "unavailable"};
    return names.at(static_cast<std::size_t>(state));
}

DiskJournal::DiskJournal(JournalSettings settings, prometheus::Registry& metrics)
    : settings_(std::move(settings)),
      bytes_(gauge(metrics, "peercron_journal_bytes", "Size of the node's journal.")),
      records_(gauge(metrics, "peercron_journal_records",
                     "Records in the journal that wait for the store.")),
      failing_(
          gauge(metrics, "peercron_journal_failing",
                "1 while the journal can take no record (no space, its limit) or does not exist.")),
      failures_(prometheus::BuildCounter()
                    .Name("peercron_journal_failures_total")
                    .Help("Writes that the journal could not take.")
                    .Register(metrics)
                    .Add({}))
{
    gauge(metrics, "peercron_journal_limit_bytes",
          "The journal's limit in bytes; 0 = there is no journal.")
        .Set(static_cast<double>(settings_.limit));
    if (settings_.limit == 0) state_ = State::off;
}

DiskJournal::~DiskJournal()
{
    thread_.join();
}

asio::awaitable<void> DiskJournal::open()
{
    if (state_ == State::off) co_return;
    std::string trouble;
    const auto open_file = [this, &trouble] {
        auto file = JournalFile::open(settings_);
        if (file) {
            file_.emplace(std::move(*file));
        } else {
            trouble = file.error().message;
        }
    };
    co_await offload(thread_, open_file);
    if (!file_) {
        failing_.Set(1);
        spdlog::error(
            "journal: there is none, so results that wait for the store would be lost with this "
            "process: {}",
            trouble);
        co_return;
    }
    state_ = State::ok;
    tell(settings_.path.string(), file_->found());
    show(size_of_file());
}

asio::awaitable<std::vector<JournalEntry>> DiskJournal::entries(JournalKind kind)
{
    const auto list = [this, kind] { return file_->entries(kind); };
    co_return co_await offload(thread_, list);
}

asio::awaitable<std::vector<Result<std::string>>> DiskJournal::read(
    std::vector<JournalSequence> sequences)
{
    const auto read_all = [this, &sequences] {
        std::vector<Result<std::string>> payloads;
        payloads.reserve(sequences.size());
        for (const JournalSequence sequence : sequences) payloads.push_back(file_->read(sequence));
        return payloads;
    };
    co_return co_await offload(thread_, read_all);
}

asio::awaitable<Result<std::vector<JournalSequence>>> DiskJournal::append(
    JournalKind kind, std::vector<std::string> payloads)
{
    Size size;
    const auto write = [this, kind, &payloads, &size] {
        auto sequences = file_->append(kind, payloads);
        size = size_of_file();
        return sequences;
    };
    auto sequences = co_await offload(thread_, write);
    show(size);
    if (sequences) {
        note_recovery();
    } else {
        note_failure(sequences.error().message);
    }
    co_return sequences;
}

asio::awaitable<void> DiskJournal::remove(std::vector<JournalSequence> sequences)
{
    Size size;
    const auto forget = [this, &sequences, &size] {
        auto removed = file_->remove(sequences);
        size = size_of_file();
        return removed;
    };
    const auto removed = co_await offload(thread_, forget);
    show(size);
    if (!removed) {
        spdlog::warn(
            "journal: cannot remove written records; the file keeps its size, and they may come "
            "back: {}",
            removed.error().message);
    }
    if (size.records == 0) note_recovery();
}

DiskJournal::Size DiskJournal::size_of_file() const
{
    return Size{file_->records(), file_->bytes()};
}

void DiskJournal::show(Size size)
{
    records_.Set(static_cast<double>(size.records));
    bytes_.Set(static_cast<double>(size.bytes));
}

void DiskJournal::note_failure(const std::string& what)
{
    failures_.Increment();
    if (state_ == State::failing) return;
    state_ = State::failing;
    failing_.Set(1);
    spdlog::error(
        "journal: it cannot be written, so results that wait for the store would be lost with this "
        "process: {}",
        what);
}

void DiskJournal::note_recovery()
{
    if (state_ != State::failing) return;
    state_ = State::ok;
    failing_.Set(0);
    spdlog::warn("journal: everything is in the store or in the journal again");
}

}  // namespace peercron
