#pragma once

#include "base/utf8.hpp"
#include "model/job_fields.hpp"
#include "store/account_store.hpp"
#include "store/read_rows.hpp"

#include <spdlog/fmt/fmt.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace peercron {

/// The statements for an AccountStore, which are the same for every database.
///
/// @tparam Tables as for NoticeTables.
template <class Tables>
class AccountTables {
public:
    explicit AccountTables(Tables tables) : tables_(std::move(tables)) {}

    bool is_empty()
    {
        auto rows =
            tables_.query("SELECT EXISTS (SELECT 1 FROM account) OR EXISTS (SELECT 1 FROM token)");
        return !rows.next() || rows.integer(0) == 0;
    }

    std::vector<UserAccount> accounts() { return read_accounts("ORDER BY name"); }

    std::optional<UserAccount> find_account(const std::string& name)
    {
        return only(read_accounts("WHERE name = " + tables_.quote(name)));
    }

    std::int64_t add_account(const UserAccount& account)
    {
        tables_.execute(
            fmt::format("INSERT INTO account (name, password, sso, identity, role, tags,"
                        " created_at, signed_in_at) VALUES ({},{},{:d},{},'{}',{},{},{})",
                        tables_.quote(account.name), tables_.quote(account.password), account.sso,
                        tables_.quote(account.identity), to_string(account.role),
                        tables_.quote(join_words(account.tags)), to_unix_millis(account.created_at),
                        literal(account.signed_in_at)));
        return tables_.last_insert_id();
    }

    bool update_account(const UserAccount& account)
    {
        const std::string password = tables_.quote(account.password);
        const std::string identity = tables_.quote(account.identity);
        tables_.execute(fmt::format(
            "DELETE FROM session WHERE account_id = {0} AND EXISTS (SELECT 1 FROM account"
            " WHERE id = {0} AND (password <> {1} OR sso <> {2:d} OR identity <> {3}))",
            account.id, password, account.sso, identity));
        return tables_.execute(fmt::format(
                   "UPDATE account SET password = {}, sso = {:d}, identity = {}, role = '{}',"
                   " tags = {} WHERE id = {}",
                   password, account.sso, identity, to_string(account.role),
                   tables_.quote(join_words(account.tags)), account.id)) > 0;
    }

    std::optional<UserAccount> find_account_of(const std::string& identity)
    {
        return only(read_accounts("WHERE sso = 1 AND identity <> '' AND identity = " +
                                  tables_.quote(identity)));
    }

    bool bind_account(std::int64_t id, const std::string& identity, std::optional<Role> role)
    {
        const std::string quoted = tables_.quote(identity);
        const std::string with_role =
            role ? fmt::format(", role = '{}'", to_string(*role)) : std::string();
        return tables_.execute(fmt::format("UPDATE account SET identity = {0}{1} WHERE id = {2}"
                                           " AND sso = 1 AND identity IN ('', {0})",
                                           quoted, with_role, id)) > 0;
    }

    bool delete_account(std::int64_t id)
    {
        tables_.execute(fmt::format("DELETE FROM session WHERE account_id = {}", id));
        return tables_.execute(fmt::format("DELETE FROM account WHERE id = {}", id)) > 0;
    }

    std::vector<AccessToken> tokens() { return read_tokens("ORDER BY name"); }

    std::optional<AccessToken> find_token(const std::string& digest)
    {
        return only(read_tokens("WHERE digest = " + tables_.quote(digest)));
    }

    bool has_token(const std::string& name)
    {
        return !read_tokens("WHERE name = " + tables_.quote(name)).empty();
    }

    std::int64_t add_token(const AccessToken& token)
    {
        tables_.execute(fmt::format(
            "INSERT INTO token (name, digest, role, tags, created_at, created_by, expires_at,"
            " used_at) VALUES ({},{},'{}',{},{},{},{},{})",
            tables_.quote(token.name), tables_.quote(token.digest), to_string(token.role),
            tables_.quote(join_words(token.tags)), to_unix_millis(token.created_at),
            tables_.quote(shortened(token.created_by)), literal(token.expires_at),
            literal(token.used_at)));
        return tables_.last_insert_id();
    }

    bool delete_token(std::int64_t id)
    {
        return tables_.execute(fmt::format("DELETE FROM token WHERE id = {}", id)) > 0;
    }

    void note_token_use(std::int64_t id, WallTime now)
    {
        tables_.execute(
            fmt::format("UPDATE token SET used_at = {} WHERE id = {}", to_unix_millis(now), id));
    }

    void add_session(const Session& session)
    {
        const std::int64_t now = to_unix_millis(session.created_at);
        tables_.execute(fmt::format("DELETE FROM session WHERE used_at < {} OR created_at < {}",
                                    to_unix_millis(session.created_at - Session::idle_limit),
                                    to_unix_millis(session.created_at - Session::longest_life)));
        tables_.execute(fmt::format(
            "INSERT INTO session (digest, account_id, created_at, used_at)"
            " VALUES ({},{},{},{})",
            tables_.quote(session.digest), session.account, now, to_unix_millis(session.used_at)));
        tables_.execute(fmt::format("UPDATE account SET signed_in_at = {} WHERE id = {}", now,
                                    session.account));
    }

    std::optional<SignedIn> find_session(const std::string& digest)
    {
        SignedIn found;
        {
            auto rows = tables_.query(
                "SELECT account_id, created_at, used_at FROM session WHERE digest = " +
                tables_.quote(digest));
            if (!rows.next()) return std::nullopt;
            found.session = {digest, rows.integer(0), from_unix_millis(rows.integer(1)),
                             from_unix_millis(rows.integer(2))};
        }
        auto account = only(read_accounts(fmt::format("WHERE id = {}", found.session.account)));
        if (!account) return std::nullopt;
        found.account = *std::move(account);
        return found;
    }

    void note_session_use(const std::string& digest, WallTime now)
    {
        tables_.execute(fmt::format("UPDATE session SET used_at = {} WHERE digest = {}",
                                    to_unix_millis(now), tables_.quote(digest)));
    }

    bool delete_session(const std::string& digest)
    {
        return tables_.execute("DELETE FROM session WHERE digest = " + tables_.quote(digest)) > 0;
    }

    void add_event(const AccessEvent& event)
    {
        constexpr std::int64_t some = 200;  // ids at a time are taken out
        tables_.execute(fmt::format(
            "INSERT INTO access_event (at, what, who, address, detail) VALUES ({},{},{},{},{})",
            to_unix_millis(event.at), tables_.quote(event.what),
            tables_.quote(shortened(event.who)), tables_.quote(event.address),
            tables_.quote(shortened(event.detail))));
        const std::int64_t id = tables_.last_insert_id();
        if (id % some != 0) return;
        const auto oldest = id - static_cast<std::int64_t>(AccountStore::kept_events);
        tables_.execute(fmt::format("DELETE FROM access_event WHERE id <= {}", oldest));
    }

    AccessEventPage events(const Slice& slice)
    {
        AccessEventPage page;
        {
            auto rows = tables_.query("SELECT COUNT(*) FROM access_event");
            if (rows.next()) page.total = rows.integer(0);
        }
        auto rows =
            tables_.query(fmt::format("SELECT id, at, what, who, address, detail FROM access_event"
                                      " ORDER BY id DESC LIMIT {} OFFSET {}",
                                      slice.limit, slice.offset));
        while (rows.next()) {
            AccessEvent event;
            event.id = rows.integer(0);
            event.at = from_unix_millis(rows.integer(1));
            event.what = rows.text(2);
            event.who = rows.text(3);
            event.address = rows.text(4);
            event.detail = rows.text(5);
            page.events.push_back(std::move(event));
        }
        return page;
    }

private:
    static std::string literal(const std::optional<WallTime>& time)
    {
        return time ? std::to_string(to_unix_millis(*time)) : "NULL";
    }

    /// To what a column has room for.
    static std::string shortened(std::string text)
    {
        constexpr std::size_t room = 255;  // bytes, so characters too
        cut_utf8(text, room);
        return text;
    }

    template <class Row>
    static std::optional<Row> only(std::vector<Row> rows)
    {
        if (rows.empty()) return std::nullopt;
        return std::move(rows.front());
    }

    /// A word that this version does not know must not open anything.
    static Role read_role(std::string_view table, std::string_view word)
    {
        const auto role = parse_role(word);
        if (!role) throw StoreError(fmt::format("table {} has an unknown role: {}", table, word));
        return *role;
    }

    std::vector<UserAccount> read_accounts(const std::string& condition)
    {
        std::vector<UserAccount> found;
        auto rows = tables_.query(
            "SELECT id, name, password, role, tags, created_at, signed_in_at, sso, identity"
            " FROM account " +
            condition);
        while (rows.next()) {
            UserAccount account;
            account.id = rows.integer(0);
            account.name = rows.text(1);
            account.password = rows.text(2);
            account.role = read_role("account", rows.text(3));
            account.tags = split_words(rows.text(4));
            account.created_at = from_unix_millis(rows.integer(5));
            account.signed_in_at = time_or_null(rows, 6);
            account.sso = rows.integer(7) != 0;
            account.identity = rows.text(8);
            found.push_back(std::move(account));
        }
        return found;
    }

    std::vector<AccessToken> read_tokens(const std::string& condition)
    {
        std::vector<AccessToken> found;
        auto rows = tables_.query(
            "SELECT id, name, digest, role, tags, created_at, created_by, expires_at, used_at"
            " FROM token " +
            condition);
        while (rows.next()) {
            AccessToken token;
            token.id = rows.integer(0);
            token.name = rows.text(1);
            token.digest = rows.text(2);
            token.role = read_role("token", rows.text(3));
            token.tags = split_words(rows.text(4));
            token.created_at = from_unix_millis(rows.integer(5));
            token.created_by = rows.text(6);
            token.expires_at = time_or_null(rows, 7);
            token.used_at = time_or_null(rows, 8);
            found.push_back(std::move(token));
        }
        return found;
    }

    Tables tables_;
};

}  // namespace peercron
