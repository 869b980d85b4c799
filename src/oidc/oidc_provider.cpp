#include "oidc/oidc_provider.hpp"

#include "base/base64.hpp"
#include "base/percent.hpp"
#include "base/utf8.hpp"
#include "http/message.hpp"
#include "oidc/claims.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json.hpp>

#include <algorithm>
#include <initializer_list>
#include <utility>

namespace peercron {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr std::int64_t largest_answer = 512 << 10;
constexpr std::string_view email_claim = "email";
constexpr std::string_view verified_claim = "email_verified";

[[noreturn]] void refuse_person(const std::string& why)
{
    throw HttpError(http::status::forbidden, why);
}

[[noreturn]] void blame_provider(const std::string& why)
{
    throw HttpError(http::status::bad_gateway, why);
}

std::string form(std::initializer_list<std::pair<std::string_view, std::string_view>> fields)
{
    std::string text;
    for (const auto& [name, value] : fields) {
        text += fmt::format("{}{}={}", text.empty() ? "" : "&", name, encode_percent(value));
    }
    return text;
}

/// RFC 6749, 2.3.1: both are encoded as in forms first.
std::string basic_authorization(const OidcSettings& settings)
{
    const std::string pair =
        encode_percent(settings.client_id) + ":" + encode_percent(settings.client_secret);
    return "Authorization: Basic " + encode_base64(pair);
}

/// "http://id.example:8080" of "http://id.example:8080/realms/main".
std::string_view origin_of(std::string_view url)
{
    const std::size_t host = url.find("://") + 3;
    return url.substr(0, url.find_first_of("/?#", host));
}

/// What goes to an address that the provider names is secret: it is encrypted, or stays at the
/// place to which the operator has let it go in plain.
std::string url_of(const json::object& published, std::string_view name, std::string_view issuer)
{
    auto url = text_claim(published, name);
    const bool is_private =
        url && (url->starts_with("https://") ||
                (url->starts_with("http://") && origin_of(*url) == origin_of(issuer)));
    const bool is_good =
        is_private && std::ranges::all_of(*url, [](char c) { return c > ' ' && c < '\x7f'; });
    if (!is_good) {
        const bool may_be_plain = issuer.starts_with("http://");
        blame_provider(
            fmt::format("the provider {} publishes {} as its {}, expected an address "
                        "that begins with https://{}",
                        issuer, url ? quote_utf8(*url) : "nothing", name,
                        may_be_plain ? fmt::format(", or is at {}", origin_of(issuer)) : ""));
    }
    return *std::move(url);
}

/// What is signed counts first; and whether an address is verified is said of that address alone.
void add_claims(json::object& claims, const json::object& more)
{
    const bool has_email = claims.contains(email_claim);
    if (!has_email) claims.erase(verified_claim);
    for (const auto& [name, value] : more) {
        const bool is_verified = std::string_view(name.data(), name.size()) == verified_claim;
        if (!claims.contains(name) && !(is_verified && has_email)) claims[name] = value;
    }
}

/// "invalid_grant: the code has expired", as the provider says it.
std::string error_in(const std::optional<json::object>& answer, int status)
{
    const auto word = answer ? text_claim(*answer, "error") : std::nullopt;
    if (!word) return fmt::format("status {}", status);
    const auto details = text_claim(*answer, "error_description");
    return details ? quote_utf8(*word) + ": " + quote_utf8(*details) : quote_utf8(*word);
}

}  // namespace

/// One of the calls that wait for the provider.
class OidcProvider::Place {
public:
    /// @throws HttpError 503 when there are too many.
    explicit Place(std::size_t& count) : count_(count)
    {
        if (count >= most_at_once) {
            HttpError busy(http::status::service_unavailable,
                           "too many people sign in by the provider at the moment; try again");
            throw busy.with(http::field::retry_after, "1");
        }
        ++count_;
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { --count_; }

private:
    std::size_t& count_;
};

bool OidcSettings::has_groups() const
{
    return std::ranges::any_of(groups, [](const auto& some) { return !some.empty(); });
}

std::optional<Role> role_of(const OidcSettings& settings, const std::vector<std::string>& groups)
{
    std::optional<Role> highest;
    for (std::size_t role = 0; role < settings.groups.size(); ++role) {
        const auto& wanted = settings.groups[role];
        if (std::ranges::find_first_of(groups, wanted) == groups.end()) continue;
        highest = static_cast<Role>(role);
    }
    return highest;
}

OidcProvider::OidcProvider(HttpClient& http, const Clock& clock, OidcSettings settings)
    : http_(http), clock_(clock), settings_(std::move(settings))
{}

asio::awaitable<std::string> OidcProvider::sign_in_url(SignInAttempt attempt)
{
    const Place place(waiting_);
    const SteadyTime deadline = clock_.steady_now() + patience;
    const auto at = co_await published(deadline);
    const bool has_query = at->authorization_url.find('?') != std::string::npos;
    const std::string scopes = fmt::format("{}", fmt::join(settings_.scopes, " "));
    co_return at->authorization_url + (has_query ? '&' : '?') +
        form({{"response_type", "code"},
              {"client_id", settings_.client_id},
              {"redirect_uri", settings_.redirect_uri},
              {"scope", scopes},
              {"state", attempt.state()},
              {"nonce", attempt.nonce()},
              {"code_challenge", attempt.challenge()},
              {"code_challenge_method", "S256"}});
}

asio::awaitable<ProviderPerson> OidcProvider::person_of(std::string code, std::string issuer,
                                                        SignInAttempt attempt)
{
    const Place place(waiting_);
    const SteadyTime deadline = clock_.steady_now() + patience;
    const auto at = co_await published(deadline);
    // An answer of another provider (RFC 9207).
    if ((at->sends_issuer || !issuer.empty()) && issuer != settings_.issuer) {
        refuse_person(fmt::format("iss: the answer is of another provider: {}, expected {}",
                                  quote_utf8(issuer), settings_.issuer));
    }
    Tokens tokens = co_await redeem(std::move(code), *at, attempt, deadline);
    IdToken token = co_await judge(std::move(tokens.id_token), at, attempt, deadline);
    const bool is_whole =
        token.claims.contains(settings_.user_claim) &&
        (!settings_.has_groups() || token.claims.contains(settings_.groups_claim));
    if (!is_whole && !at->user_info_url.empty() && !tokens.access_token.empty()) {
        const json::object more =
            co_await user_info(*at, token, std::move(tokens.access_token), deadline);
        add_claims(token.claims, more);
    }
    co_return judge_person(token.subject, token.claims);
}

asio::awaitable<std::shared_ptr<const OidcProvider::Published>> OidcProvider::published(
    SteadyTime deadline)
{
    if (published_ && clock_.steady_now() < published_until_) co_return published_;
    const std::string& issuer = settings_.issuer;
    std::string url = issuer.ends_with('/') ? issuer : issuer + '/';
    url += ".well-known/openid-configuration";
    const json::object said = co_await read_object(std::move(url), "configuration", deadline);
    const auto named = text_claim(said, "issuer");
    if (named != issuer) {
        blame_provider(
            fmt::format("the provider calls itself {}; [oidc] issuer has to be exactly "
                        "the same, and is {}",
                        quote_utf8(named.value_or("nothing")), quote_utf8(issuer)));
    }
    auto fresh = std::make_shared<Published>();
    fresh->authorization_url = url_of(said, "authorization_endpoint", issuer);
    fresh->token_url = url_of(said, "token_endpoint", issuer);
    fresh->keys_url = url_of(said, "jwks_uri", issuer);
    if (said.contains("userinfo_endpoint")) {
        fresh->user_info_url = url_of(said, "userinfo_endpoint", issuer);
    }
    if (const auto ways = list_claim(said, "token_endpoint_auth_methods_supported")) {
        fresh->takes_basic = std::ranges::find(*ways, "client_secret_basic") != ways->end();
    }
    const json::value* const sends =
        said.if_contains("authorization_response_iss_parameter_supported");
    fresh->sends_issuer = sends != nullptr && sends->is_bool() && sends->get_bool();
    fresh->keys = co_await read_keys(fresh->keys_url, deadline);
    fresh->keys_read_at = clock_.steady_now();
    published_ = fresh;
    published_until_ = fresh->keys_read_at + lifetime;
    co_return fresh;
}

asio::awaitable<JwkSet> OidcProvider::read_keys(std::string url, SteadyTime deadline)
{
    const json::object said = co_await read_object(std::move(url), "keys", deadline);
    auto keys = JwkSet::parse(json::serialize(said));
    if (!keys) blame_provider(keys.error().message);
    co_return *std::move(keys);
}

/// RFC 6749, 4.1.3. A code is good for one try.
asio::awaitable<OidcProvider::Tokens> OidcProvider::redeem(std::string code, const Published& at,
                                                           const SignInAttempt& attempt,
                                                           SteadyTime deadline)
{
    HttpRequest request;
    request.method = "POST";
    request.url = at.token_url;
    request.headers = {"Content-Type: application/x-www-form-urlencoded",
                       "Accept: application/json"};
    request.body = form({{"grant_type", "authorization_code"},
                         {"code", code},
                         {"redirect_uri", settings_.redirect_uri},
                         {"code_verifier", attempt.verifier()}});
    const bool has_secret = !settings_.client_secret.empty();
    if (has_secret && at.takes_basic) {
        request.headers.push_back(basic_authorization(settings_));
    } else {
        request.body += '&' + form({{"client_id", settings_.client_id}});
        if (has_secret) {
            request.body += '&' + form({{"client_secret", settings_.client_secret}});
        }
    }
    const HttpAnswer answer = co_await ask(std::move(request), deadline);
    const auto said = parse_object(answer.body);
    const std::string problem = error_in(said, answer.status);
    if (answer.status == 401 || problem.starts_with("\"invalid_client\"")) {
        blame_provider(
            fmt::format("the provider does not take this node for its client ({}); "
                        "compare [oidc] client_id and client_secret with the provider's",
                        problem));
    }
    if (answer.status / 100 == 4) {
        refuse_person(
            fmt::format("the provider does not take the code: {}; a code is good once, "
                        "for a short time: sign in again",
                        problem));
    }
    auto id_token = said ? text_claim(*said, "id_token") : std::nullopt;
    if (answer.status != 200 || !id_token) {
        blame_provider(
            fmt::format("the provider gave no ID token: {}; [oidc] scopes needs "
                        "\"openid\"",
                        problem));
    }
    co_return Tokens{*std::move(id_token), text_claim(*said, "access_token").value_or("")};
}

asio::awaitable<IdToken> OidcProvider::judge(std::string text, std::shared_ptr<const Published> at,
                                             const SignInAttempt& attempt, SteadyTime deadline)
{
    const auto token = UnverifiedToken::parse(text);
    if (!token) refuse_person("the provider's ID token is not good: " + token.error().message);
    const bool is_proven = at->keys.is_signature(token->algorithm, token->key_id,
                                                 token->signed_text, token->signature);
    // Another sign-in may have read them meanwhile.
    if (!is_proven && published_) at = published_;
    if (!is_proven && clock_.steady_now() >= at->keys_read_at + key_interval) {
        // The provider may have a new key, also under no name or one that it had before.
        auto fresh = std::make_shared<Published>(*at);
        fresh->keys = co_await read_keys(at->keys_url, deadline);
        fresh->keys_read_at = clock_.steady_now();
        published_ = fresh;
        at = fresh;
    }
    const IdTokenRules rules{settings_.issuer, settings_.client_id, attempt.nonce()};
    auto good = judge_id_token(*token, at->keys, rules, clock_.now());
    if (!good) refuse_person("the provider's ID token is not good: " + good.error().message);
    co_return *std::move(good);
}

/// OpenID Connect Core 1.0, 5.3.
asio::awaitable<json::object> OidcProvider::user_info(const Published& at, const IdToken& token,
                                                      std::string access_token, SteadyTime deadline)
{
    const bool is_plain =
        std::ranges::all_of(access_token, [](char c) { return c > ' ' && c < '\x7f'; });
    if (!is_plain) blame_provider("the provider's access token has characters that none may have");
    HttpRequest request;
    request.url = at.user_info_url;
    request.headers = {"Authorization: Bearer " + access_token, "Accept: application/json"};
    const HttpAnswer answer = co_await ask(std::move(request), deadline);
    auto said = parse_object(answer.body);
    if (answer.status != 200 || !said) {
        blame_provider(fmt::format("the provider does not say more about the person: {}",
                                   error_in(said, answer.status)));
    }
    if (text_claim(*said, "sub") != token.subject) {
        blame_provider("the provider's user info is about another person (sub)");
    }
    co_return *std::move(said);
}

asio::awaitable<HttpAnswer> OidcProvider::ask(HttpRequest request, SteadyTime deadline)
{
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock_.steady_now());
    request.timeout = std::clamp<std::chrono::milliseconds>(left, 1ms, settings_.request_timeout);
    request.connect_timeout = request.timeout;
    request.redirects = 0;
    request.max_body = largest_answer;
    const std::string url = request.url;
    HttpAnswer answer = co_await http_.request(std::move(request));
    if (answer.end != HttpAnswer::End::whole || answer.status / 100 == 5) {
        throw HttpError(
            http::status::service_unavailable,
            fmt::format(
                "the provider cannot be used now: {}: {}; until it can, sign in with a "
                "password, or use `peercron` at the node's socket",
                url,
                answer.failure.empty() ? fmt::format("status {}", answer.status) : answer.failure));
    }
    co_return answer;
}

asio::awaitable<json::object> OidcProvider::read_object(std::string url, std::string what,
                                                        SteadyTime deadline)
{
    HttpRequest request;
    request.url = url;
    request.headers = {"Accept: application/json"};
    const HttpAnswer answer = co_await ask(std::move(request), deadline);
    auto said = parse_object(answer.body);
    if (answer.status != 200 || !said) {
        blame_provider(
            fmt::format("the provider's {} cannot be read: {} answers with {}; compare "
                        "[oidc] issuer",
                        what, url,
                        answer.status == 200 ? "something else than a JSON object"
                                             : fmt::format("status {}", answer.status)));
    }
    co_return *std::move(said);
}

ProviderPerson OidcProvider::judge_person(const std::string& subject,
                                          const json::object& claims) const
{
    const auto name = text_claim(claims, settings_.user_claim);
    if (!name) {
        refuse_person(
            fmt::format("the provider does not say \"{}\", which names the account; see "
                        "[oidc] user_claim and scopes",
                        settings_.user_claim));
    }
    if (settings_.user_claim == email_claim) {
        const json::value* const verified = claims.if_contains(verified_claim);
        const bool is_verified = verified != nullptr && verified->is_bool() && verified->get_bool();
        if (!is_verified) {
            refuse_person(
                fmt::format("the provider has not verified the address {} "
                            "(email_verified)",
                            quote_utf8(*name)));
        }
    }
    ProviderPerson person{subject + ' ' + settings_.issuer, *name, std::nullopt};
    if (!settings_.has_groups()) return person;
    const auto groups = list_claim(claims, settings_.groups_claim);
    if (!groups) {
        refuse_person(
            fmt::format("the provider does not say which groups {} is in (\"{}\"); see "
                        "[oidc] groups_claim and scopes",
                        quote_utf8(*name), settings_.groups_claim));
    }
    person.role = role_of(settings_, *groups);
    if (!person.role) {
        refuse_person(
            fmt::format("{} is in no group that may do something here; see [oidc] "
                        "read_groups, operate_groups, admin_groups and owner_groups",
                        quote_utf8(*name)));
    }
    return person;
}

}  // namespace peercron
