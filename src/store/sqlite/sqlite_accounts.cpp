#include "store/sqlite/sqlite_accounts.hpp"

#include "store/account_tables.hpp"
#include "store/sqlite/sqlite_tables.hpp"

#include <string>

namespace peercron {
namespace {

AccountTables<SqliteTables> account_tables(SqliteConnection& connection)
{
    return AccountTables(SqliteTables(connection));
}

}  // namespace

bool SqliteAccounts::is_empty()
{
    const auto work = [](SqliteConnection& connection) {
        return account_tables(connection).is_empty();
    };
    return session_.run("look for accounts", work);
}

std::vector<UserAccount> SqliteAccounts::accounts()
{
    const auto work = [](SqliteConnection& connection) {
        return account_tables(connection).accounts();
    };
    return session_.run("read the accounts", work);
}

std::optional<UserAccount> SqliteAccounts::find_account(const std::string& name)
{
    const auto work = [&](SqliteConnection& connection) {
        return account_tables(connection).find_account(name);
    };
    return session_.run("read an account", work);
}

UserAccount SqliteAccounts::add_account(const UserAccount& account)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        auto all = account_tables(connection);
        if (all.find_account(account.name)) throw_account_taken(account.name);
        UserAccount added = account;
        added.id = all.add_account(account);
        transaction.commit();
        return added;
    };
    return session_.run("add an account", work);
}

bool SqliteAccounts::update_account(const UserAccount& account)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        const bool was_there = account_tables(connection).update_account(account);
        transaction.commit();
        return was_there;
    };
    return session_.run("change an account", work);
}

std::optional<UserAccount> SqliteAccounts::find_account_of(const std::string& identity)
{
    const auto work = [&](SqliteConnection& connection) {
        return account_tables(connection).find_account_of(identity);
    };
    return session_.run("read an account", work);
}

bool SqliteAccounts::bind_account(std::int64_t id, const std::string& identity,
                                  std::optional<Role> role)
{
    const auto work = [&](SqliteConnection& connection) {
        return account_tables(connection).bind_account(id, identity, role);
    };
    return session_.run("change an account", work);
}

bool SqliteAccounts::delete_account(std::int64_t id)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        const bool was_there = account_tables(connection).delete_account(id);
        transaction.commit();
        return was_there;
    };
    return session_.run("delete an account", work);
}

std::vector<AccessToken> SqliteAccounts::tokens()
{
    const auto work = [](SqliteConnection& connection) {
        return account_tables(connection).tokens();
    };
    return session_.run("read the tokens", work);
}

std::optional<AccessToken> SqliteAccounts::find_token(const std::string& digest)
{
    const auto work = [&](SqliteConnection& connection) {
        return account_tables(connection).find_token(digest);
    };
    return session_.run("look up a token", work);
}

AccessToken SqliteAccounts::add_token(const AccessToken& token)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        auto all = account_tables(connection);
        if (all.has_token(token.name)) throw_token_taken(token.name);
        AccessToken added = token;
        added.id = all.add_token(token);
        transaction.commit();
        return added;
    };
    return session_.run("add a token", work);
}

bool SqliteAccounts::delete_token(std::int64_t id)
{
    const auto work = [&](SqliteConnection& connection) {
        return account_tables(connection).delete_token(id);
    };
    return session_.run("delete a token", work);
}

void SqliteAccounts::note_token_use(std::int64_t id, WallTime now)
{
    const auto work = [&](SqliteConnection& connection) {
        account_tables(connection).note_token_use(id, now);
    };
    session_.run("note the use of a token", work);
}

void SqliteAccounts::add_session(const Session& session)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        account_tables(connection).add_session(session);
        transaction.commit();
    };
    session_.run("add a session", work);
}

std::optional<SignedIn> SqliteAccounts::find_session(const std::string& digest)
{
    const auto work = [&](SqliteConnection& connection) {
        return account_tables(connection).find_session(digest);
    };
    return session_.run("look up a session", work);
}

void SqliteAccounts::note_session_use(const std::string& digest, WallTime now)
{
    const auto work = [&](SqliteConnection& connection) {
        account_tables(connection).note_session_use(digest, now);
    };
    session_.run("note the use of a session", work);
}

bool SqliteAccounts::delete_session(const std::string& digest)
{
    const auto work = [&](SqliteConnection& connection) {
        return account_tables(connection).delete_session(digest);
    };
    return session_.run("end a session", work);
}

void SqliteAccounts::add_event(const AccessEvent& event)
{
    const auto work = [&](SqliteConnection& connection) {
        account_tables(connection).add_event(event);
    };
    session_.run("note an access", work);
}

AccessEventPage SqliteAccounts::events(const Slice& slice)
{
    const auto work = [&](SqliteConnection& connection) {
        return account_tables(connection).events(slice);
    };
    return session_.run("read the accesses", work);
}

}  // namespace peercron
