#pragma once

#include "store/account_store.hpp"
#include "store/mysql/mysql_session.hpp"

namespace peercron {

/// The part of a MysqlStore that is about who may call the API; uses its session.
class MysqlAccounts final : public AccountStore {
public:
    explicit MysqlAccounts(MysqlSession& session) : session_(session) {}

    bool is_empty() override;
    std::vector<UserAccount> accounts() override;
    std::optional<UserAccount> find_account(const std::string& name) override;
    UserAccount add_account(const UserAccount& account) override;
    bool update_account(const UserAccount& account) override;
    std::optional<UserAccount> find_account_of(const std::string& identity) override;
    bool bind_account(std::int64_t id, const std::string& identity,
                      std::optional<Role> role) override;
    bool delete_account(std::int64_t id) override;
    std::vector<AccessToken> tokens() override;
    std::optional<AccessToken> find_token(const std::string& digest) override;
    AccessToken add_token(const AccessToken& token) override;
    bool delete_token(std::int64_t id) override;
    void note_token_use(std::int64_t id, WallTime now) override;
    void add_session(const Session& session) override;
    std::optional<SignedIn> find_session(const std::string& digest) override;
    void note_session_use(const std::string& digest, WallTime now) override;
    bool delete_session(const std::string& digest) override;
    void add_event(const AccessEvent& event) override;
    AccessEventPage events(const Slice& slice) override;

private:
    MysqlSession& session_;
};

}  // namespace peercron
