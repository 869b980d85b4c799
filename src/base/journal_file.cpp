#include "base/journal_file.hpp"

#include "base/own_file.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/crc.hpp>
#include <boost/endian/conversion.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <limits>
#include <optional>
#include <string_view>
#include <system_error>

namespace peercron {
namespace {

namespace endian = boost::endian;

/// Castagnoli's polynomial; RFC 3720, appendix B.4.
using Crc32c = boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true>;

constexpr std::string_view magic = "peerjrnl";
constexpr std::uint32_t version = 1;
constexpr std::size_t file_head_size = 16;
constexpr std::size_t record_head_size = 24;
constexpr std::size_t chunk = 64U << 10U;
/// A record says so at most: with any sequence, a damaged one would leave none for those that
/// follow it.
constexpr JournalSequence largest_sequence = std::numeric_limits<JournalSequence>::max() / 2;
/// A file with less of no use is not worth writing anew.
constexpr std::uint64_t least_unused = 1U << 20U;

std::uint32_t checksum(const void* bytes, std::size_t size)
{
    Crc32c sum;
    sum.process_bytes(bytes, size);
    return sum.checksum();
}

using FileHead = std::array<unsigned char, file_head_size>;
using RecordHead = std::array<unsigned char, record_head_size>;

FileHead file_head()
{
    FileHead head{};
    std::ranges::copy(magic, head.begin());
    endian::store_little_u32(&head[8], version);
    endian::store_little_u32(&head[12], checksum(head.data(), 12));
    return head;
}

struct Record {
    std::uint32_t sum = 0;
    std::uint32_t size = 0;
    JournalKind kind{};
    JournalSequence sequence = 0;
};

RecordHead encode(const Record& record)
{
    RecordHead head{};
    endian::store_little_u32(&head[4], record.sum);
    endian::store_little_u32(&head[8], record.size);
    endian::store_little_u32(&head[12], static_cast<std::uint32_t>(record.kind));
    endian::store_little_u64(&head[16], record.sequence);
    endian::store_little_u32(head.data(), checksum(&head[4], record_head_size - 4));
    return head;
}

/// Nullopt when this is no head of a record.
std::optional<Record> decode(const RecordHead& head)
{
    if (endian::load_little_u32(head.data()) != checksum(&head[4], record_head_size - 4)) {
        return std::nullopt;
    }
    const std::uint32_t kind = endian::load_little_u32(&head[12]);
    if (kind > std::numeric_limits<std::uint8_t>::max()) return std::nullopt;
    const JournalSequence sequence = endian::load_little_u64(&head[16]);
    if (sequence > largest_sequence) return std::nullopt;
    return Record{endian::load_little_u32(&head[4]), endian::load_little_u32(&head[8]),
                  static_cast<JournalKind>(kind), sequence};
}

/// 0, or the error number. A file that ends too early is EIO.
int read_at(int file, std::uint64_t offset, void* bytes, std::size_t size)
{
    auto* to = static_cast<char*>(bytes);
    while (size > 0) {
        const ssize_t got = pread(file, to, size, static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno;
        if (got == 0) return EIO;
        to += got;
        offset += static_cast<std::uint64_t>(got);
        size -= static_cast<std::size_t>(got);
    }
    return 0;
}

int write_at(int file, std::uint64_t offset, const void* bytes, std::size_t size)
{
    const auto* from = static_cast<const char*>(bytes);
    while (size > 0) {
        const ssize_t put = pwrite(file, from, size, static_cast<off_t>(offset));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return errno;
        from += put;
        offset += static_cast<std::uint64_t>(put);
        size -= static_cast<std::size_t>(put);
    }
    return 0;
}

/// Makes a new name in the folder last.
int sync_folder(const std::filesystem::path& folder)
{
    const FileDescriptor handle(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!handle || fsync(handle.get()) != 0) return errno;
    return 0;
}

/// Not blocking, for the sake of a pipe that is there instead.
FileDescriptor open_file(const std::filesystem::path& path, int flags)
{
    constexpr int always = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    return FileDescriptor(::open(path.c_str(), flags | always, 0600));
}

/// A file of that name that nobody else has; what was there before is gone.
FileDescriptor make_file(const std::filesystem::path& path)
{
    unlink(path.c_str());
    return open_file(path, O_RDWR | O_CREAT | O_EXCL);
}

std::filesystem::path beside(const std::filesystem::path& path, std::string_view suffix)
{
    return path.string() + std::string(suffix);
}

Error trouble(const std::filesystem::path& path, const std::string& what, int error_number)
{
    return Error{fmt::format("{}: {}: {}", path.string(), what,
                             std::generic_category().message(error_number))};
}

/// Opens a file that stays from one start to the next, or makes it.
Result<FileDescriptor> open_own_file(const std::filesystem::path& path)
{
    if (const auto own = check_own_file(path); !own) return own.error();
    FileDescriptor file = open_file(path, O_RDWR | O_CREAT);
    struct stat status {};
    if (!file || fstat(file.get(), &status) != 0) return trouble(path, "cannot open", errno);
    if (const auto own = check_own_file(path, status); !own) return own.error();
    return {boost::system::in_place_value, std::move(file)};
}

/// Whether the open file is still the one that has this name.
bool is_in_place(int file, const std::filesystem::path& path)
{
    struct stat opened {};
    struct stat named {};
    return fstat(file, &opened) == 0 && lstat(path.c_str(), &named) == 0 &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

}  // namespace

JournalFile::JournalFile(JournalSettings settings, FileDescriptor lock, FileDescriptor file)
    : settings_(std::move(settings)), lock_(std::move(lock)), file_(std::move(file))
{}

Result<JournalFile> JournalFile::open(JournalSettings settings)
{
    const std::filesystem::path& path = settings.path;
    std::error_code error;
    if (std::filesystem::create_directories(path.parent_path(), error)) {
        std::filesystem::permissions(path.parent_path(), std::filesystem::perms::owner_all, error);
    }
    if (error) return trouble(path.parent_path(), "cannot make the folder", error.value());
    // A file of its own, because the journal's is replaced when it is written anew.
    auto lock = open_own_file(beside(path, ".lock"));
    if (!lock) return lock.error();
    if (flock(lock->get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            return Error{path.string() + ": another process has it; each node needs its own"};
        }
        return trouble(beside(path, ".lock"), "cannot lock", errno);
    }
    unlink(beside(path, ".new").c_str());
    auto file = open_own_file(path);
    if (!file) return file.error();
    JournalFile journal(std::move(settings), std::move(*lock), std::move(*file));
    if (const auto scanned = journal.scan(); !scanned) return scanned.error();
    return {boost::system::in_place_value, std::move(journal)};
}

Error JournalFile::failure(const std::string& what, int error_number) const
{
    return trouble(settings_.path, what, error_number);
}

Result<void> JournalFile::begin_anew()
{
    const FileHead head = file_head();
    if (ftruncate(file_.get(), 0) != 0) return failure("cannot truncate", errno);
    if (const int error = write_at(file_.get(), 0, head.data(), head.size())) {
        return failure("cannot write", error);
    }
    if (fdatasync(file_.get()) != 0) return failure("cannot write", errno);
    if (const int error = sync_folder(settings_.path.parent_path())) {
        return failure("cannot write its folder", error);
    }
    end_ = file_head_size;
    return {};
}

/// Puts a file that is no journal of this version where a person can look at it.
Result<void> JournalFile::set_aside()
{
    const std::filesystem::path name = free_damage_name();
    if (std::rename(settings_.path.c_str(), name.c_str()) != 0) {
        return failure("is not a journal that this version can read, and cannot be renamed", errno);
    }
    found_.damage_kept_in = name.string();
    file_ = open_file(settings_.path, O_RDWR | O_CREAT | O_EXCL);
    if (!file_) return failure("cannot make", errno);
    return begin_anew();
}

Result<void> JournalFile::scan()
{
    struct stat status {};
    if (fstat(file_.get(), &status) != 0) return failure("cannot read", errno);
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (size < file_head_size) {
        found_.torn = size;
        return begin_anew();
    }
    FileHead head{};
    if (const int error = read_at(file_.get(), 0, head.data(), head.size())) {
        return failure("cannot read", error);
    }
    if (head != file_head()) {
        found_.damaged = size;
        return set_aside();
    }
    end_ = file_head_size;
    std::vector<Range> damage;
    for (std::uint64_t offset = file_head_size; offset < size;) {
        const std::uint64_t rest = size - offset;
        RecordHead bytes{};
        std::optional<Record> record;
        if (rest >= record_head_size) {
            if (const int error = read_at(file_.get(), offset, bytes.data(), bytes.size())) {
                return failure("cannot read", error);
            }
            record = decode(bytes);
            // A sequence out of order is what an older write left behind the end.
            if (record && record->sequence < next_) record.reset();
            if (!record) {
                const auto zero = is_zero(offset, size);
                if (!zero) return zero.error();
                if (*zero) {  // the file grew, but its new blocks were not written
                    found_.torn = rest;
                } else {
                    damage.emplace_back(offset, rest);
                }
                break;
            }
        }
        if (!record || record->size > rest - record_head_size) {
            found_.torn = rest;
            break;
        }
        const auto sound = is_sound(offset + record_head_size, record->size, record->sum);
        if (!sound) return sound.error();
        const std::uint64_t length = record_head_size + record->size;
        next_ = record->sequence + 1;
        if (*sound) {
            places_.emplace(record->sequence, Place{offset, record->size, record->kind});
            used_ += length;
            end_ = offset + length;
        } else {
            damage.emplace_back(offset, length);
        }
        offset += length;
    }
    found_.records = places_.size();
    if (!damage.empty()) keep_damage(damage);
    // Without the space for that, what is of no use stays in between.
    if (unused() > 0 && rewrite()) return {};
    if (end_ < size && ftruncate(file_.get(), static_cast<off_t>(end_)) != 0) {
        return failure("cannot truncate", errno);
    }
    return {};
}

Result<bool> JournalFile::is_sound(std::uint64_t offset, std::uint64_t size,
                                   std::uint32_t sum) const
{
    Crc32c found;
    std::array<char, chunk> buffer;
    while (size > 0) {
        const std::size_t part = std::min<std::uint64_t>(size, buffer.size());
        if (const int error = read_at(file_.get(), offset, buffer.data(), part)) {
            return failure("cannot read", error);
        }
        found.process_bytes(buffer.data(), part);
        offset += part;
        size -= part;
    }
    return found.checksum() == sum;
}

Result<bool> JournalFile::is_zero(std::uint64_t offset, std::uint64_t end) const
{
    std::array<char, chunk> buffer;
    while (offset < end) {
        const std::size_t part = std::min<std::uint64_t>(end - offset, buffer.size());
        if (const int error = read_at(file_.get(), offset, buffer.data(), part)) {
            return failure("cannot read", error);
        }
        const auto is_set = [](char byte) { return byte != 0; };
        if (std::any_of(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(part),
                        is_set)) {
            return false;
        }
        offset += part;
    }
    return true;
}

/// Copies the damaged parts into a file of their own. A person may make sense of them; when there
/// is no space for that, they are given up.
void JournalFile::keep_damage(std::span<const Range> ranges)
{
    const std::filesystem::path name = free_damage_name();
    const FileDescriptor out = make_file(name);
    bool kept = static_cast<bool>(out);
    std::uint64_t at = 0;
    std::array<char, chunk> buffer;
    for (auto [offset, length] : ranges) {
        found_.damaged += length;
        while (kept && length > 0) {
            const std::size_t part = std::min<std::uint64_t>(length, buffer.size());
            kept = read_at(file_.get(), offset, buffer.data(), part) == 0 &&
                   write_at(out.get(), at, buffer.data(), part) == 0;
            offset += part;
            at += part;
            length -= part;
        }
    }
    if (kept && fdatasync(out.get()) == 0) {
        found_.damage_kept_in = name.string();
    } else {
        unlink(name.c_str());
    }
}

/// The first of ten names that is free, or the last of them.
std::filesystem::path JournalFile::free_damage_name() const
{
    std::filesystem::path name = beside(settings_.path, ".damaged");
    for (int i = 2; i <= 10; ++i) {
        struct stat status {};
        if (lstat(name.c_str(), &status) != 0) break;
        name = beside(settings_.path, fmt::format(".damaged.{}", i));
    }
    return name;
}

std::vector<JournalEntry> JournalFile::entries(JournalKind kind) const
{
    std::vector<JournalEntry> entries;
    for (const auto& [sequence, place] : places_) {
        if (place.kind == kind) entries.push_back(JournalEntry{sequence, place.size});
    }
    return entries;
}

Result<std::string> JournalFile::read(JournalSequence sequence) const
{
    const auto found = places_.find(sequence);
    if (found == places_.end()) {
        return Error{fmt::format("{}: has no record {}", settings_.path.string(), sequence)};
    }
    const Place& place = found->second;
    std::string bytes(record_head_size + place.size, '\0');
    if (const int error = read_at(file_.get(), place.offset, bytes.data(), bytes.size())) {
        return failure("cannot read", error);
    }
    RecordHead head{};
    std::copy_n(bytes.begin(), head.size(), head.begin());
    bytes.erase(0, head.size());
    const auto record = decode(head);
    if (!record || record->sum != checksum(bytes.data(), bytes.size())) {
        return Error{fmt::format("{}: record {} was damaged since it was written",
                                 settings_.path.string(), sequence)};
    }
    return {boost::system::in_place_value, std::move(bytes)};
}

Result<std::vector<JournalSequence>> JournalFile::append(JournalKind kind,
                                                         std::span<const std::string> payloads)
{
    std::string bytes;
    std::vector<JournalSequence> sequences;
    std::vector<Place> places;
    // A sequence that failed is not used again: what is left of it behind the end is recognised.
    for (const std::string& payload : payloads) {
        if (payload.size() > std::numeric_limits<std::uint32_t>::max()) {
            return Error{fmt::format("{}: a record of {} bytes is too large",
                                     settings_.path.string(), payload.size())};
        }
        const Record record{checksum(payload.data(), payload.size()),
                            static_cast<std::uint32_t>(payload.size()), kind, next_++};
        const RecordHead head = encode(record);
        sequences.push_back(record.sequence);
        places.push_back(Place{bytes.size(), payload.size(), kind});
        bytes.append(head.begin(), head.end());
        bytes.append(payload);
    }
    if (end_ + bytes.size() > settings_.limit) {
        if (end_ - unused() + bytes.size() > settings_.limit) {
            return Error{fmt::format(
                "{}: full: it has {} bytes and would exceed its limit of {} with {} more",
                settings_.path.string(), end_ - unused(), settings_.limit, bytes.size())};
        }
        if (const auto rewritten = rewrite(); !rewritten) return rewritten.error();
    }
    // Deleted under this process: made again, since what goes into the old one nobody would see.
    if (!is_in_place(file_.get(), settings_.path)) {
        if (const auto own = check_own_file(settings_.path); !own) return own.error();
        if (const auto rewritten = rewrite(); !rewritten) return rewritten.error();
    }
    int error = write_at(file_.get(), end_, bytes.data(), bytes.size());
    if (error == 0 && fdatasync(file_.get()) != 0) error = errno;
    if (error != 0) {
        // Should this fail as well, the next record is written over what is left.
        [[maybe_unused]] const int cut = ftruncate(file_.get(), static_cast<off_t>(end_));
        return failure(fmt::format("cannot append {} bytes to {}", bytes.size(), end_), error);
    }
    for (std::size_t i = 0; i < places.size(); ++i) {
        places[i].offset += end_;
        places_.emplace(sequences[i], places[i]);
    }
    end_ += bytes.size();
    used_ += bytes.size();
    return {boost::system::in_place_value, std::move(sequences)};
}

Result<void> JournalFile::remove(std::span<const JournalSequence> sequences)
{
    for (const JournalSequence sequence : sequences) {
        const auto found = places_.find(sequence);
        if (found == places_.end()) continue;
        used_ -= record_head_size + found->second.size;
        places_.erase(found);
    }
    if (unused() == 0) return {};
    if (places_.empty()) {
        if (ftruncate(file_.get(), file_head_size) != 0) return failure("cannot truncate", errno);
        end_ = file_head_size;
        return {};
    }
    if (unused() > least_unused && unused() > used_) return rewrite();
    return {};
}

std::uint64_t JournalFile::unused() const
{
    return end_ - file_head_size - used_;
}

/// Leaves the old file as it is until the new one is complete and on the disk.
Result<void> JournalFile::rewrite()
{
    const std::filesystem::path name = beside(settings_.path, ".new");
    FileDescriptor out = make_file(name);
    if (!out) return trouble(name, "cannot make", errno);
    const FileHead head = file_head();
    int error = write_at(out.get(), 0, head.data(), head.size());
    std::map<JournalSequence, Place> places = places_;
    std::uint64_t end = file_head_size;
    std::string buffer;
    const auto write_buffer = [&] {
        if (error == 0)
            error = write_at(out.get(), end - buffer.size(), buffer.data(), buffer.size());
        buffer.clear();
    };
    for (auto& [sequence, place] : places) {
        const std::size_t length = record_head_size + place.size;
        const std::size_t before = buffer.size();
        buffer.resize(before + length);
        if (error == 0) error = read_at(file_.get(), place.offset, &buffer[before], length);
        place.offset = end;
        end += length;
        if (buffer.size() >= chunk) write_buffer();
        if (error != 0) break;
    }
    write_buffer();
    if (error == 0 && fdatasync(out.get()) != 0) error = errno;
    if (error == 0 && std::rename(name.c_str(), settings_.path.c_str()) != 0) error = errno;
    if (error != 0) {
        unlink(name.c_str());
        return trouble(name, "cannot write", error);
    }
    file_ = std::move(out);
    places_ = std::move(places);
    end_ = end;
    if (const int folder = sync_folder(settings_.path.parent_path())) {
        return failure("cannot write its folder", folder);
    }
    return {};
}

}  // namespace peercron
