#pragma once

#include "base/clock.hpp"
#include "store/mysql/mysql_connection.hpp"

#include <optional>
#include <string_view>
#include <type_traits>

namespace peercron {

/// A connection that comes back: opened at the first call, and opened again when it is gone.
class MysqlSession {
public:
    explicit MysqlSession(MysqlSettings settings) : settings_(std::move(settings)) {}

    /// Whether work that may have been carried out already is to be repeated.
    enum class Repeat : std::uint8_t { safe, unsafe };

    /// Runs `work` on the connection and returns what it returns. Repeats it after a lock conflict,
    /// a few times, and once on a new connection when the old one was lost or led to a server that
    /// takes no changes (any more): `unsafe` work only when none of it can
    /// have been carried out, `safe` work only while the time limit of a statement is not used up.
    ///
    /// Throws StoreError with `what` ("read the jobs"), the server's address and its words;
    /// TookTooLong when the server ended a statement at its time limit.
    template <class F>
    std::invoke_result_t<F&, MysqlConnection&> run(std::string_view what, Repeat repeat, F work)
    {
        Call call{what, repeat, std::chrono::steady_clock::now()};
        for (;;) {
            try {
                return work(connection(call));
            } catch (const MysqlError& error) {
                recover(call, error);
            }
        }
    }

private:
    struct Call {
        std::string_view what;
        Repeat repeat;
        SteadyTime begun;
        bool connected = false;
        bool reconnected = false;
        int lock_conflicts = 0;
    };

    MysqlConnection& connection(Call& call);

    /// Returns when `call` is to be tried again, which is so a bounded number of times.
    void recover(Call& call, const MysqlError& error);

    MysqlSettings settings_;
    std::optional<MysqlConnection> connection_;
};

}  // namespace peercron
