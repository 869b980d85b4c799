#pragma once

#include "model/account.hpp"
#include "store/lists.hpp"
#include "store/store.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace peercron {

/// A session, and the account whose it is.
struct SignedIn {
    Session session;
    UserAccount account;
};

/// A page of what happened, newest first.
struct AccessEventPage {
    std::vector<AccessEvent> events;
    std::int64_t total = 0;
};

/// Throws NameTaken.
[[noreturn]] void throw_account_taken(const std::string& name);
[[noreturn]] void throw_token_taken(const std::string& name);

/// The part of a store that is about who may call the API. As Store, of which it is a part: errors,
/// threads. It keeps what it is given: what has expired is the caller's to see.
class AccountStore {
public:
    /// How many of the newest events are kept; some hundred more may be there.
    static constexpr std::size_t kept_events = 10'000;

    AccountStore() = default;
    AccountStore(const AccountStore&) = delete;
    AccountStore& operator=(const AccountStore&) = delete;
    virtual ~AccountStore() = default;

    /// Whether there is neither an account nor a token.
    virtual bool is_empty() = 0;

    /// By name.
    virtual std::vector<UserAccount> accounts() = 0;
    virtual std::optional<UserAccount> find_account(const std::string& name) = 0;
    /// Under a new id. Throws NameTaken.
    virtual UserAccount add_account(const UserAccount& account) = 0;
    /// Replaces all but the name of the one with this id, and ends its sessions when the password,
    /// or what the provider has to do with it, is different; false: there is none.
    virtual bool update_account(const UserAccount& account) = 0;
    /// That of a person at the OpenID provider.
    virtual std::optional<UserAccount> find_account_of(const std::string& identity) = 0;
    /// Has the account belong to the person at the provider from now on, with this role, if one is
    /// given. Writes nothing else, so what others change meanwhile stays. False: the provider may
    /// not sign in to the account, or it is somebody else's, and nothing is changed.
    virtual bool bind_account(std::int64_t id, const std::string& identity,
                              std::optional<Role> role) = 0;
    /// With its sessions; false: there was none.
    virtual bool delete_account(std::int64_t id) = 0;

    /// By name.
    virtual std::vector<AccessToken> tokens() = 0;
    virtual std::optional<AccessToken> find_token(const std::string& digest) = 0;
    /// Under a new id. Throws NameTaken.
    virtual AccessToken add_token(const AccessToken& token) = 0;
    /// False: there was none.
    virtual bool delete_token(std::int64_t id) = 0;
    virtual void note_token_use(std::int64_t id, WallTime now) = 0;

    /// Notes the sign-in at its account, too, and deletes sessions that are over.
    virtual void add_session(const Session& session) = 0;
    virtual std::optional<SignedIn> find_session(const std::string& digest) = 0;
    virtual void note_session_use(const std::string& digest, WallTime now) = 0;
    /// False: there was none.
    virtual bool delete_session(const std::string& digest) = 0;

    /// Under a new id. Texts are cut to 255 characters.
    virtual void add_event(const AccessEvent& event) = 0;
    virtual AccessEventPage events(const Slice& slice) = 0;
};

}  // namespace peercron
