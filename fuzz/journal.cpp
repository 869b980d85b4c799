#include "base/journal_file.hpp"
#include "fuzzers.hpp"

#include <boost/crc.hpp>
#include <boost/endian/conversion.hpp>

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace peercron::fuzz {
namespace {

namespace fs = std::filesystem;
namespace endian = boost::endian;

/// A folder of this process, in memory if TMPDIR says so.
class Folder {
public:
    Folder() : path_(fs::temp_directory_path() / ("peercron-fuzz-" + std::to_string(getpid())))
    {
        fs::remove_all(path_);
        fs::create_directories(path_);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder()
    {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }

    fs::path journal() const { return path_ / "journal"; }

private:
    fs::path path_;
};

std::uint32_t checksum(std::string_view bytes)
{
    boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> sum;
    sum.process_bytes(bytes.data(), bytes.size());
    return sum.checksum();
}

template <class Number>
void append(std::string& out, Number number)
{
    number = endian::native_to_little(number);
    out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

std::uint64_t take_number(std::string_view& line)
{
    std::uint64_t number = 0;
    const auto end = std::from_chars(line.data(), line.data() + line.size(), number).ptr;
    line.remove_prefix(static_cast<std::size_t>(end - line.data()));
    if (!line.empty()) line.remove_prefix(1);
    return number;
}

constexpr std::string_view described = "records\n";

/// Checksums keep random bytes out. So a file may also be described, a line for each record: its
/// sequence, its kind, how much longer it says to be, and its payload.
std::string file_of(std::string_view bytes)
{
    if (!bytes.starts_with(described)) return std::string(bytes);
    std::string file = "peerjrnl";
    append(file, std::uint32_t{1});
    append(file, checksum(file));
    bytes.remove_prefix(described.size());
    while (!bytes.empty()) {
        std::string_view line = bytes.substr(0, bytes.find('\n'));
        bytes.remove_prefix(std::min(bytes.size(), line.size() + 1));
        const std::uint64_t sequence = take_number(line);
        const std::uint64_t kind = take_number(line);
        const std::uint64_t longer = take_number(line);
        std::string head;
        append(head, checksum(line));
        append(head, static_cast<std::uint32_t>(line.size() + longer));
        append(head, static_cast<std::uint32_t>(kind));
        append(head, sequence);
        append(file, checksum(head));
        file += head;
        file += line;
    }
    return file;
}

using Content = std::map<JournalSequence, std::string>;

Content content(const JournalFile& journal)
{
    Content found;
    for (unsigned kind = 0; kind <= 255; ++kind) {
        JournalSequence last = 0;
        for (const JournalEntry& entry : journal.entries(JournalKind(kind))) {
            promise(entry.sequence > last, "records come in order");
            last = entry.sequence;
            const auto payload = journal.read(entry.sequence);
            promise(payload.has_value(), "each record can be read");
            promise(payload->size() == entry.size, "a payload is as long as it says");
            found.emplace(entry.sequence, *payload);
        }
    }
    promise(found.size() == journal.records(), "each record is of one kind");
    return found;
}

JournalFile open(const fs::path& path)
{
    auto journal = JournalFile::open({.path = path, .limit = 1U << 20U});
    promise(journal.has_value(), "no content keeps a journal from being opened");
    return *std::move(journal);
}

}  // namespace

/// A journal that a crash, a disk or a person has changed. It opens, and keeps what is written to
/// it then.
void fuzz_journal(std::string_view bytes)
{
    const Folder folder;
    std::ofstream(folder.journal(), std::ios::binary) << file_of(bytes);
    Content known;
    {
        JournalFile journal = open(folder.journal());
        known = content(journal);
        const std::vector<std::string> fresh{"one", "", "three"};
        const auto added = journal.append(JournalKind{1}, fresh);
        promise(added.has_value() && added->size() == fresh.size(), "there is room");
        for (std::size_t i = 0; i < fresh.size(); ++i) {
            promise(known.empty() || (*added)[i] > known.rbegin()->first, "sequences grow");
            known.emplace((*added)[i], fresh[i]);
        }
        promise(content(journal) == known, "what is appended is there");
    }
    JournalFile journal = open(folder.journal());
    promise(journal.found().torn == 0 && journal.found().damaged == 0,
            "what was opened once is whole");
    promise(content(journal) == known, "what is appended comes back");
    std::vector<JournalSequence> all;
    for (const auto& [sequence, payload] : known) all.push_back(sequence);
    promise(journal.remove(all).has_value() && journal.records() == 0, "all of it can be removed");
}

}  // namespace peercron::fuzz
