#include "store/mysql/mysql_accounts.hpp"

#include "store/account_tables.hpp"
#include "store/mysql/mysql_tables.hpp"

#include <mysqld_error.h>

#include <string>

namespace peercron {
namespace {

using Repeats = MysqlSession::Repeat;

AccountTables<MysqlTables> account_tables(MysqlConnection& connection)
{
    return AccountTables(MysqlTables(connection));
}

}  // namespace

bool MysqlAccounts::is_empty()
{
    const auto work = [](MysqlConnection& connection) {
        return account_tables(connection).is_empty();
    };
    return session_.run("look for accounts", Repeats::safe, work);
}

std::vector<UserAccount> MysqlAccounts::accounts()
{
    const auto work = [](MysqlConnection& connection) {
        return account_tables(connection).accounts();
    };
    return session_.run("read the accounts", Repeats::safe, work);
}

std::optional<UserAccount> MysqlAccounts::find_account(const std::string& name)
{
    const auto work = [&](MysqlConnection& connection) {
        return account_tables(connection).find_account(name);
    };
    return session_.run("read an account", Repeats::safe, work);
}

UserAccount MysqlAccounts::add_account(const UserAccount& account)
{
    const auto work = [&](MysqlConnection& connection) {
        try {
            UserAccount added = account;
            added.id = account_tables(connection).add_account(account);
            return added;
        } catch (const MysqlError& error) {
            if (error.code() == ER_DUP_ENTRY) throw_account_taken(account.name);
            throw;
        }
    };
    return session_.run("add an account", Repeats::unsafe, work);
}

bool MysqlAccounts::update_account(const UserAccount& account)
{
    const auto work = [&](MysqlConnection& connection) {
        MysqlTransaction transaction(connection);
        const bool was_there = account_tables(connection).update_account(account);
        transaction.commit({});
        return was_there;
    };
    return session_.run("change an account", Repeats::safe, work);
}

std::optional<UserAccount> MysqlAccounts::find_account_of(const std::string& identity)
{
    const auto work = [&](MysqlConnection& connection) {
        return account_tables(connection).find_account_of(identity);
    };
    return session_.run("read an account", Repeats::safe, work);
}

bool MysqlAccounts::bind_account(std::int64_t id, const std::string& identity,
                                 std::optional<Role> role)
{
    const auto work = [&](MysqlConnection& connection) {
        return account_tables(connection).bind_account(id, identity, role);
    };
    return session_.run("change an account", Repeats::safe, work);
}

bool MysqlAccounts::delete_account(std::int64_t id)
{
    const auto work = [&](MysqlConnection& connection) {
        MysqlTransaction transaction(connection);
        const bool was_there = account_tables(connection).delete_account(id);
        transaction.commit({});
        return was_there;
    };
    return session_.run("delete an account", Repeats::safe, work);
}

std::vector<AccessToken> MysqlAccounts::tokens()
{
    const auto work = [](MysqlConnection& connection) {
        return account_tables(connection).tokens();
    };
    return session_.run("read the tokens", Repeats::safe, work);
}

std::optional<AccessToken> MysqlAccounts::find_token(const std::string& digest)
{
    const auto work = [&](MysqlConnection& connection) {
        return account_tables(connection).find_token(digest);
    };
    return session_.run("look up a token", Repeats::safe, work);
}

AccessToken MysqlAccounts::add_token(const AccessToken& token)
{
    const auto work = [&](MysqlConnection& connection) {
        try {
            AccessToken added = token;
            added.id = account_tables(connection).add_token(token);
            return added;
        } catch (const MysqlError& error) {
            if (error.code() == ER_DUP_ENTRY) throw_token_taken(token.name);
            throw;
        }
    };
    return session_.run("add a token", Repeats::unsafe, work);
}

bool MysqlAccounts::delete_token(std::int64_t id)
{
    const auto work = [&](MysqlConnection& connection) {
        return account_tables(connection).delete_token(id);
    };
    return session_.run("delete a token", Repeats::safe, work);
}

void MysqlAccounts::note_token_use(std::int64_t id, WallTime now)
{
    const auto work = [&](MysqlConnection& connection) {
        account_tables(connection).note_token_use(id, now);
    };
    session_.run("note the use of a token", Repeats::safe, work);
}

void MysqlAccounts::add_session(const Session& session)
{
    const auto work = [&](MysqlConnection& connection) {
        MysqlTransaction transaction(connection);
        account_tables(connection).add_session(session);
        transaction.commit({});
    };
    session_.run("add a session", Repeats::unsafe, work);
}

std::optional<SignedIn> MysqlAccounts::find_session(const std::string& digest)
{
    const auto work = [&](MysqlConnection& connection) {
        return account_tables(connection).find_session(digest);
    };
    return session_.run("look up a session", Repeats::safe, work);
}

void MysqlAccounts::note_session_use(const std::string& digest, WallTime now)
{
    const auto work = [&](MysqlConnection& connection) {
        account_tables(connection).note_session_use(digest, now);
    };
    session_.run("note the use of a session", Repeats::safe, work);
}

bool MysqlAccounts::delete_session(const std::string& digest)
{
    const auto work = [&](MysqlConnection& connection) {
        return account_tables(connection).delete_session(digest);
    };
    return session_.run("end a session", Repeats::safe, work);
}

void MysqlAccounts::add_event(const AccessEvent& event)
{
    const auto work = [&](MysqlConnection& connection) {
        account_tables(connection).add_event(event);
    };
    session_.run("note an access", Repeats::safe, work);
}

AccessEventPage MysqlAccounts::events(const Slice& slice)
{
    const auto work = [&](MysqlConnection& connection) {
        return account_tables(connection).events(slice);
    };
    return session_.run("read the accesses", Repeats::safe, work);
}

}  // namespace peercron
