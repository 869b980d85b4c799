#pragma once

#include "store/sqlite/sqlite_connection.hpp"
#include "store/store.hpp"

#include <spdlog/fmt/fmt.h>

#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace peercron {

/// A connection that is opened at the first call, and again after an error of the file.
class SqliteSession {
public:
    explicit SqliteSession(SqliteSettings settings)
        : settings_(std::move(settings)), file_(DatabaseFile::of(settings_.path))
    {}

    /// Runs `work` on the connection and returns what it returns. Throws StoreError with `what`
    /// ("read the jobs"), the file and SQLite's words; nothing was changed then, or it was changed
    /// in a file that was deleted or replaced meanwhile.
    template <class F>
    std::invoke_result_t<F&, SqliteConnection&> run(std::string_view what, F work)
    {
        try {
            if (!connection_) connection_.emplace(settings_);
            connection_->check_in_place();
            return work(*connection_);
        } catch (const SqliteError& error) {
            if (error.connection_lost()) connection_.reset();
            throw StoreError(fmt::format("cannot {}: SQLite database {}: {}", what,
                                         settings_.path.string(), error.what()));
        }
    }

private:
    SqliteSettings settings_;
    std::shared_ptr<DatabaseFile> file_;  // one and the same file as long as there are sessions
    std::optional<SqliteConnection> connection_;
};

}  // namespace peercron
