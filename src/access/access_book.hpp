#pragma once

#include "access/sign_in_delays.hpp"
#include "base/clock.hpp"
#include "base/event.hpp"
#include "base/task_group.hpp"
#include "http/access.hpp"
#include "model/account.hpp"
#include "model/provider_person.hpp"
#include "store/store_pool.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace peercron {

/// Who may call this node, by the accounts, tokens and sessions of the store.
///
/// What is looked up is used again for `lifetime`, so a token or account that is changed or deleted
/// at another node may still open this one for that long; what is changed here counts at once.
/// While the store is away, only what was looked up within that time is known. At most
/// `most_waiting` callers wait for the store, and `most_signing_in` for a password to be hashed;
/// others get 503. Lives on the I/O thread, which it never blocks; outlives every call.
class AccessBook {
public:
    static constexpr std::chrono::seconds lifetime{5};
    static constexpr std::size_t most_waiting = 256;
    static constexpr std::size_t most_signing_in = 16;

    /// @param store whose calls are all small.
    /// @param tasks for what goes on when a call is answered.
    AccessBook(StorePool& store, const Clock& clock, TaskGroup& tasks);

    /// For Access. This object outlives it.
    Directory directory();

    struct NewSession {
        std::string secret;  ///< for the cookie
        UserAccount account;
        WallTime ends_at{};  ///< at the latest
    };
    /// @throws HttpError 401 for a wrong name or password, whichever; 429 with Retry-After after
    ///         several; 503. Throws StoreError.
    asio::awaitable<NewSession> sign_in(std::string name, std::string password,
                                        std::string address);
    /// The first time, the account of that name becomes the person's, if it is one that the
    /// provider may sign in; or there is none yet, and a role: then it is made. From then on it is
    /// found by the identity, whatever the person is called.
    /// @throws HttpError 403 with the reason; 503. Throws StoreError.
    asio::awaitable<NewSession> sign_in(ProviderPerson person, std::string address);
    /// False: it was over already.
    asio::awaitable<bool> sign_out(std::string secret);

    /// The hash of a new password. Throws HttpError 503.
    asio::awaitable<std::string> hash(std::string password);
    /// Whether it is the account's password; guesses are held up as by sign_in().
    asio::awaitable<bool> is_password_of(UserAccount account, std::string password,
                                         std::string address);

    /// Writes an event, for later; nobody waits for it, and it is lost when the store is away.
    void note(AccessEvent event);

    /// The same of a refused call, once per address and minute: anybody can be refused as often as
    /// they like.
    void note_refusal(const Refusal& refusal);

    /// Accounts or tokens were changed here.
    void forget();

private:
    struct Known {
        std::optional<Caller> caller;
        SteadyTime until{};
    };
    class Place;

    asio::awaitable<std::optional<Caller>> find_token(std::string secret);
    asio::awaitable<std::optional<Caller>> find_session(std::string secret);
    asio::awaitable<std::optional<bool>> has_entries();
    asio::awaitable<void> look_for_entries();
    asio::awaitable<void> write(AccessEvent event);
    asio::awaitable<std::optional<Caller>> find_user(std::string name);
    const Known* known(const std::string& digest) const;
    void remember(const std::string& digest, std::optional<Caller> caller, std::uint64_t version);
    asio::awaitable<bool> check(std::string password, std::string hash);
    asio::awaitable<UserAccount> account_of(const ProviderPerson& person);
    asio::awaitable<NewSession> begin_session(UserAccount account, std::string address,
                                              std::string detail);

    StorePool& store_;
    const Clock& clock_;
    TaskGroup& tasks_;
    asio::thread_pool hasher_{1};  // guesses of passwords keep one core busy at most
    SignInDelays delays_;
    std::map<std::string, Known> known_;  // by the digests of secrets; users of a proxy by name
    std::uint64_t version_ = 0;           // grows with forget()
    std::size_t waiting_ = 0;
    std::size_t signing_in_ = 0;
    std::size_t writing_ = 0;
    std::optional<bool> has_entries_;
    SteadyTime has_entries_until_ = SteadyTime::min();  // then it is looked up again
    bool is_looking_ = false;
    Event looked_;
    std::map<std::string, SteadyTime> refused_;  // addresses, and when that was noted
};

}  // namespace peercron
