#pragma once

#include "base/file_descriptor.hpp"
#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace peercron {

/// Which of a journal's users a record belongs to. A value is never used again for another format:
/// a new version of the program reads an old journal. 1 = run reports
/// (exec/recorder.hpp), 2 = steps of the plan (node/step_keeper.hpp).
enum class JournalKind : std::uint8_t {};

/// Names a record as long as the journal is open; grows with each record.
using JournalSequence = std::uint64_t;

struct JournalSettings {
    std::filesystem::path path;
    std::uint64_t limit = 256ULL << 20U;  ///< bytes of the file; 0 = no journal
};

struct JournalEntry {
    JournalSequence sequence = 0;
    std::uint64_t size = 0;  ///< of the payload, in bytes
};

/// A file of records that wait to be stored elsewhere: only appended to, each record with its
/// checksum, bounded in size. What append() has returned survives the death of the process and of
/// the machine.
///
/// The file: 16 bytes of head, then the records, each with 24 bytes of head (CRC-32C of the rest of
/// the head, CRC-32C of the payload, length, kind, sequence; little endian) and its payload. Since
/// a head has a checksum of its own, a damaged payload costs one record and not those behind it.
///
/// A removed record may come back after a crash: the file forgets it only when it becomes empty or
/// is rewritten. So the work of a record that is read back must be harmless when done twice.
///
/// Calls block; one at a time, from any thread. One process has the file: a lock on
/// "<path>.lock" says so, which the kernel releases when the process ends.
class JournalFile {
public:
    /// What open() found.
    struct Found {
        std::size_t records = 0;
        std::uint64_t torn = 0;      ///< bytes of a last write that was cut off; gone
        std::uint64_t damaged = 0;   ///< bytes that are damaged in another way, and …
        std::string damage_kept_in;  ///< … the file beside it that has them; empty: not kept
    };

    /// Opens the file, creating it and its folder if necessary, and reads what it has. Fails if
    /// that is impossible, if another process has it, or if it is a symbolic link or belongs to
    /// another user (check_own_file); never because of its content.
    static Result<JournalFile> open(JournalSettings settings);

    const Found& found() const { return found_; }

    /// The records of this kind, in the order they were appended.
    std::vector<JournalEntry> entries(JournalKind kind) const;

    /// The payload of a record.
    Result<std::string> read(JournalSequence sequence) const;

    /// Appends all of them or none, and returns when they are on the disk. An error (no space, the
    /// limit, a failing disk) leaves the file as it was. A file that was deleted or replaced since
    /// it was opened is made again, with all its records.
    Result<std::vector<JournalSequence>> append(JournalKind kind,
                                                std::span<const std::string> payloads);

    /// Forgets these records, of whatever kind. The file becomes empty with the last record, and is
    /// rewritten when most of it is unused. An error means only that it does not shrink.
    Result<void> remove(std::span<const JournalSequence> sequences);

    std::size_t records() const { return places_.size(); }
    std::uint64_t bytes() const { return end_; }  ///< of the file
    std::uint64_t limit() const { return settings_.limit; }

private:
    struct Place {
        std::uint64_t offset = 0;  // of the record's head
        std::uint64_t size = 0;    // of the payload
        JournalKind kind{};
    };
    using Range = std::pair<std::uint64_t, std::uint64_t>;  // offset, length

    JournalFile(JournalSettings settings, FileDescriptor lock, FileDescriptor file);

    Error failure(const std::string& what, int error_number) const;
    Result<void> begin_anew();
    Result<void> set_aside();
    Result<void> scan();
    Result<bool> is_sound(std::uint64_t offset, std::uint64_t size, std::uint32_t sum) const;
    Result<bool> is_zero(std::uint64_t offset, std::uint64_t end) const;
    void keep_damage(std::span<const Range> ranges);
    std::filesystem::path free_damage_name() const;
    Result<void> rewrite();
    std::uint64_t unused() const;

    JournalSettings settings_;
    FileDescriptor lock_;
    FileDescriptor file_;
    std::map<JournalSequence, Place> places_;
    std::uint64_t end_ = 0;   // where the next record goes
    std::uint64_t used_ = 0;  // bytes of the records in places_
    JournalSequence next_ = 1;
    Found found_;
};

}  // namespace peercron
