#include "access/access_book.hpp"

#include "access/password.hpp"
#include "access/secret.hpp"
#include "base/offload.hpp"
#include "base/utf8.hpp"
#include "store/account_store.hpp"

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <exception>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// How often the use of a token or a session is written.
constexpr auto use_interval = 1min;
/// How often a refusal of the same address is written.
constexpr auto refusal_interval = 1min;
/// How long a caller waits until it is known for the first time whether there are any accounts.
constexpr auto first_look = 1s;
constexpr std::size_t most_remembered = 10'000;
constexpr std::size_t most_written = 64;  // events at a time

Caller caller_of(const AccessToken& token)
{
    Caller caller{token.name, ""};
    caller.role = token.role;
    caller.tags = token.tags;
    caller.proof = Proof::token;
    return caller;
}

Caller caller_of(const UserAccount& account)
{
    Caller caller{account.name, ""};
    caller.role = account.role;
    caller.tags = account.tags;
    caller.proof = Proof::session;
    caller.account = account.id;
    return caller;
}

[[noreturn]] void refuse_busy(std::string_view what)
{
    HttpError busy(http::status::service_unavailable,
                   fmt::format("too many callers wait for {}; try again", what));
    throw busy.with(http::field::retry_after, "1");
}

[[noreturn]] void refuse_person(const std::string& why)
{
    throw HttpError(http::status::forbidden, why);
}

/// The account that is the person's, or becomes it now.
/// @param is_changed set when it is written.
/// Throws HttpError 403, and then nothing is written.
UserAccount take_account(AccountStore& accounts, const ProviderPerson& person, WallTime now,
                         bool& is_changed)
{
    std::optional<UserAccount> account = accounts.find_account_of(person.identity);
    if (!account) account = accounts.find_account(person.name);
    if (!account) {
        if (!person.role) {
            refuse_person(
                fmt::format("there is no account named {}; an owner adds one: `peercron "
                            "account add {} --sso --role operate`",
                            quote_utf8(person.name), person.name));
        }
        UserAccount draft;
        draft.name = person.name;
        draft.sso = true;
        draft.identity = person.identity;
        draft.role = *person.role;
        draft.created_at = now;
        is_changed = true;
        return accounts.add_account(draft);
    }
    const std::string name = quote_utf8(account->name);
    if (!account->sso) {
        refuse_person(
            fmt::format("the account {} opens by its password alone; an owner lets "
                        "the provider sign in, too: `peercron account set {} --sso on`",
                        name, account->name));
    }
    const bool is_known = account->identity == person.identity;
    const Role role = person.role.value_or(account->role);
    if (is_known && role == account->role) return *std::move(account);
    const bool is_free = account->identity.empty() || is_known;
    if (is_free && role == Role::owner && !account->tags.empty()) {
        refuse_person(
            fmt::format("the groups make {} an owner, and the account is limited to "
                        "some jobs, which an owner cannot be; an owner takes the "
                        "tags away: `peercron account set {} --tags ''`",
                        name, account->name));
    }
    if (!is_free || !accounts.bind_account(account->id, person.identity, person.role)) {
        refuse_person(
            fmt::format("the account {} is another person's at the provider, who has "
                        "signed in before; an owner can delete it, or let go of that "
                        "person: `peercron account set {} --sso off`, then on",
                        name, account->name));
    }
    is_changed = true;
    account->identity = person.identity;
    account->role = role;
    return *std::move(account);
}

}  // namespace

/// One of those who wait.
class AccessBook::Place {
public:
    explicit Place(std::size_t& count) : count_(count) { ++count_; }
    /// @throws HttpError 503 when there are `most` already.
    Place(std::size_t& count, std::size_t most, std::string_view what) : count_(count)
    {
        if (count >= most) refuse_busy(what);
        ++count_;
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { --count_; }

private:
    std::size_t& count_;
};

AccessBook::AccessBook(StorePool& store, const Clock& clock, TaskGroup& tasks)
    : store_(store), clock_(clock), tasks_(tasks), looked_(tasks.executor())
{}

Directory AccessBook::directory()
{
    return {
        .find_token = [this](std::string secret) { return find_token(std::move(secret)); },
        .find_session = [this](std::string secret) { return find_session(std::move(secret)); },
        .find_user = [this](std::string name) { return find_user(std::move(name)); },
        .has_entries = [this] { return has_entries(); },
        .note_refusal = [this](const Refusal& refusal) { note_refusal(refusal); },
    };
}

asio::awaitable<std::optional<Caller>> AccessBook::find_token(std::string secret)
{
    if (!secret.starts_with(token_prefix)) co_return std::nullopt;
    const std::string digest = digest_of(secret);
    if (const Known* const there = known(digest)) co_return there->caller;
    const Place place(waiting_, most_waiting, "the store");
    const std::uint64_t version = version_;
    const WallTime now = clock_.now();
    const auto find = [&digest, now](Store& store) -> std::optional<Caller> {
        const auto token = store.accounts().find_token(digest);
        if (!token || (token->expires_at && *token->expires_at <= now)) return std::nullopt;
        const bool is_noted = token->used_at && now < *token->used_at + use_interval;
        if (!is_noted) store.accounts().note_token_use(token->id, now);
        return caller_of(*token);
    };
    std::optional<Caller> caller = co_await store_.call(find);
    remember(digest, caller, version);
    co_return caller;
}

asio::awaitable<std::optional<Caller>> AccessBook::find_session(std::string secret)
{
    const std::string digest = digest_of(secret);
    const Known* const there = known(digest);
    // A token that somebody shows in a cookie is no session, also while it is known.
    if (there != nullptr && there->caller->proof == Proof::session) co_return there->caller;
    const Place place(waiting_, most_waiting, "the store");
    const std::uint64_t version = version_;
    const WallTime now = clock_.now();
    const auto find = [&digest, now](Store& store) -> std::optional<Caller> {
        const auto found = store.accounts().find_session(digest);
        if (!found || found->session.is_over(now)) return std::nullopt;
        const bool is_noted = now < found->session.used_at + use_interval;
        if (!is_noted) store.accounts().note_session_use(digest, now);
        return caller_of(found->account);
    };
    std::optional<Caller> caller = co_await store_.call(find);
    remember(digest, caller, version);
    co_return caller;
}

asio::awaitable<std::optional<Caller>> AccessBook::find_user(std::string name)
{
    const std::string key = "user " + name;  // no digest has a space
    if (const Known* const there = known(key)) co_return there->caller;
    const Place place(waiting_, most_waiting, "the store");
    const std::uint64_t version = version_;
    const auto find = [&name](Store& store) -> std::optional<Caller> {
        const auto account = store.accounts().find_account(name);
        if (!account) return std::nullopt;
        Caller caller = caller_of(*account);
        caller.proof = Proof::proxy;
        return caller;
    };
    std::optional<Caller> caller = co_await store_.call(find);
    remember(key, caller, version);
    co_return caller;
}

/// What is known is answered at once, and looked up again meanwhile when it is old: a store that
/// is away must not hold up the calls that do not need it.
asio::awaitable<std::optional<bool>> AccessBook::has_entries()
{
    // Twice, because something may be added while it is looked up.
    for (int tries = 0; tries < 2; ++tries) {
        const bool is_old = clock_.steady_now() >= has_entries_until_;
        if (is_old && !is_looking_ && !tasks_.is_cancelled()) {
            is_looking_ = true;
            tasks_.spawn("accounts", look_for_entries());
        }
        if (has_entries_ || !is_looking_) break;
        co_await looked_.wait_for(first_look);
    }
    co_return has_entries_;
}

asio::awaitable<void> AccessBook::look_for_entries()
{
    struct Looking {
        explicit Looking(AccessBook& looking) : book(looking) {}
        Looking(const Looking&) = delete;
        Looking& operator=(const Looking&) = delete;
        ~Looking()
        {
            book.is_looking_ = false;
            book.looked_.notify();
        }
        AccessBook& book;
    };
    const Looking looking(*this);
    const std::uint64_t version = version_;
    has_entries_until_ = clock_.steady_now() + lifetime;
    try {
        const auto look = [](Store& store) { return !store.accounts().is_empty(); };
        const bool found = co_await store_.call(look);
        if (version == version_) has_entries_ = found;
    } catch (const StoreError& away) {
        // The next caller looks again: the store may be back by then.
        if (!has_entries_) has_entries_until_ = SteadyTime::min();
        spdlog::debug("http: cannot look for accounts: {}", away.what());
    }
}

asio::awaitable<AccessBook::NewSession> AccessBook::sign_in(std::string name, std::string password,
                                                            std::string address)
{
    const auto find = [&name](Store& store) { return store.accounts().find_account(name); };
    std::optional<UserAccount> account;
    {
        const Place place(waiting_, most_waiting, "the store");
        account = co_await store_.call(find);
    }
    UserAccount tried = account.value_or(UserAccount());
    tried.name = name;
    const bool is_right = co_await is_password_of(std::move(tried), std::move(password), address);
    if (!account || !is_right) {
        note({0, clock_.now(), "sign-in refused", name, address, "wrong name or password"});
        throw HttpError(http::status::unauthorized,
                        "name: there is no account of this name with this password");
    }
    co_return co_await begin_session(*std::move(account), std::move(address), "");
}

asio::awaitable<AccessBook::NewSession> AccessBook::begin_session(UserAccount account,
                                                                  std::string address,
                                                                  std::string detail)
{
    NewSession added;
    added.secret = random_secret();
    added.account = std::move(account);
    const WallTime now = clock_.now();
    const Session session{digest_of(added.secret), added.account.id, now, now};
    added.ends_at = now + Session::longest_life;
    const auto add = [&session](Store& store) { store.accounts().add_session(session); };
    co_await store_.call(add);
    note({0, now, "sign-in", added.account.name, std::move(address), std::move(detail)});
    co_return added;
}

asio::awaitable<AccessBook::NewSession> AccessBook::sign_in(ProviderPerson person,
                                                            std::string address)
{
    const Place place(waiting_, most_waiting, "the store");
    std::optional<UserAccount> account;
    std::string why;
    try {
        account = co_await account_of(person);
    } catch (const HttpError& refused) {
        why = refused.what();
    }
    if (!account) {
        note({0, clock_.now(), "sign-in refused", person.name, address, why});
        throw HttpError(http::status::forbidden, why);
    }
    std::string detail = "by the provider: " + person.identity;
    co_return co_await begin_session(*std::move(account), std::move(address), std::move(detail));
}

/// Throws HttpError 403.
asio::awaitable<UserAccount> AccessBook::account_of(const ProviderPerson& person)
{
    if (const auto problem = find_name_problem(person.name)) {
        refuse_person(*problem + ", and the provider's claim has to be such a name");
    }
    const WallTime now = clock_.now();
    bool is_changed = false;
    const auto take = [&person, now, &is_changed](Store& store) {
        return take_account(store.accounts(), person, now, is_changed);
    };
    UserAccount account = co_await store_.call(take);
    if (is_changed) forget();
    co_return account;
}

asio::awaitable<bool> AccessBook::sign_out(std::string secret)
{
    const std::string digest = digest_of(secret);
    const auto remove = [&digest](Store& store) { return store.accounts().delete_session(digest); };
    const bool was_there = co_await store_.call(remove);
    forget();
    co_return was_there;
}

asio::awaitable<std::string> AccessBook::hash(std::string password)
{
    const Place place(signing_in_, most_signing_in, "a password to be checked");
    const auto work = [&password] { return hash_password(password); };
    co_return co_await offload(hasher_, work);
}

asio::awaitable<bool> AccessBook::is_password_of(UserAccount account, std::string password,
                                                 std::string address)
{
    const Place place(signing_in_, most_signing_in, "a password to be checked");
    const auto wait = delays_.wait(account.name, address, clock_.steady_now());
    if (wait > 0s) {
        HttpError later(http::status::too_many_requests,
                        fmt::format("too many wrong passwords for this account or from {}; try "
                                    "again in {} s",
                                    address, wait.count()));
        throw later.with(http::field::retry_after, std::to_string(wait.count()));
    }
    delays_.note_try(account.name, address, clock_.steady_now());
    const bool is_right = co_await check(std::move(password), account.password);
    if (is_right) delays_.note_right(account.name, address);
    co_return is_right;
}

asio::awaitable<bool> AccessBook::check(std::string password, std::string hash)
{
    const auto work = [&] {
        if (!hash.empty()) return is_password(password, hash);
        // As long for a name that nobody has as for a wrong password.
        hash_password(password);
        return false;
    };
    co_return co_await offload(hasher_, work);
}

void AccessBook::note(AccessEvent event)
{
    spdlog::info("http: {}: {} at {}{}{}", event.what, quote_utf8(event.who), event.address,
                 event.detail.empty() ? "" : ": ", event.detail);
    if (writing_ >= most_written) return;
    tasks_.spawn("access event", write(std::move(event)));
}

asio::awaitable<void> AccessBook::write(AccessEvent event)
{
    const Place place(writing_);
    try {
        const auto add = [&event](Store& store) { store.accounts().add_event(event); };
        co_await store_.call(add);
    } catch (const StoreError& away) {
        spdlog::warn("http: the list of accesses lacks an event: {}", away.what());
    }
}

void AccessBook::note_refusal(const Refusal& refusal)
{
    const SteadyTime now = clock_.steady_now();
    const auto there = refused_.find(refusal.address);
    if (there != refused_.end() && now < there->second + refusal_interval) return;
    if (refused_.size() >= most_remembered) refused_.clear();
    refused_[refusal.address] = now;
    note({0, clock_.now(), "refused", refusal.who, refusal.address, refusal.why});
}

void AccessBook::forget()
{
    ++version_;
    known_.clear();
    has_entries_until_ = SteadyTime::min();
    has_entries_.reset();
}

const AccessBook::Known* AccessBook::known(const std::string& digest) const
{
    const auto found = known_.find(digest);
    if (found == known_.end() || found->second.until <= clock_.steady_now()) return nullptr;
    return &found->second;
}

/// Only what opens something: anybody can show secrets that nobody knows.
void AccessBook::remember(const std::string& digest, std::optional<Caller> caller,
                          std::uint64_t version)
{
    if (!caller || version != version_) return;
    if (known_.size() >= most_remembered) known_.clear();
    known_[digest] = {std::move(caller), clock_.steady_now() + lifetime};
}

}  // namespace peercron
