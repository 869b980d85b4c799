#pragma once

#include "base/clock.hpp"
#include "store/sqlite/sqlite_settings.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>

namespace peercron {

/// What a copy of a database holds.
struct BackupContents {
    std::uintmax_t bytes = 0;
    std::int64_t jobs = 0;
    std::int64_t rows = 0;                    ///< of the ledger
    std::optional<WallTime> planned_through;  ///< see TermStart
};

enum class Existing : std::uint8_t { is_an_error, is_replaced };

/// Copies the database as it is at one moment into `file`, while a node may work with it. The copy
/// is one file that only this user may read, and is put in place when it is complete.
///
/// Blocks for as long as the copy takes. Throws StoreError and then leaves `file` as it was.
BackupContents back_up(const SqliteSettings& settings, const std::filesystem::path& file,
                       Existing existing);

struct Restored {
    BackupContents contents;
    std::filesystem::path kept;  ///< the database that was there before; empty when there was none
};

/// Checks `backup` and replaces the database by a copy of it. The old database is kept beside it,
/// together with its write-ahead log, so that nothing of it comes back.
///
/// Blocks. Throws StoreError when a node works with the database, and for a file that is damaged,
/// not a database of peercron, or newer than this program; then the database is not changed.
/// @param now names the one that is kept.
Restored restore(const SqliteSettings& settings, const std::filesystem::path& backup, WallTime now);

}  // namespace peercron
