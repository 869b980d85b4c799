#pragma once

#include "base/clock.hpp"
#include "http_client/http_client.hpp"
#include "model/provider_person.hpp"
#include "model/role.hpp"
#include "oidc/id_token.hpp"
#include "oidc/jwk_set.hpp"
#include "oidc/sign_in_attempt.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

struct OidcSettings {
    std::string issuer;  ///< "https://id.example/realms/main", exactly as the provider has it
    std::string client_id;
    std::string client_secret;  ///< "" = a public client
    std::string redirect_uri;
    std::string name = "single sign-on";  ///< what people call the provider
    std::vector<std::string> scopes{"openid", "profile"};
    std::string user_claim = "preferred_username";
    std::string groups_claim = "groups";
    /// By Role: members of one of these have it. All empty: the accounts say who has which.
    std::array<std::vector<std::string>, role_words.size()> groups;

    std::chrono::milliseconds request_timeout{5000};  ///< of one request to the provider

    bool has_groups() const;
};

/// The highest role that one of the groups has; nullopt: none has any.
std::optional<Role> role_of(const OidcSettings& settings, const std::vector<std::string>& groups);

/// Signs people in by an OpenID provider: the authorization code flow with PKCE (OpenID Connect
/// Core 1.0, 3.1; RFC 7636).
///
/// What the provider publishes of itself, its keys included, is read when somebody signs in and
/// used for `lifetime`; a signature that no known key proves has the keys read again, every
/// `key_interval` at most. All requests of one call together take `patience` at most; at most
/// `most_at_once` calls wait.
///
/// Lives on the I/O thread, which it never blocks. Outlives its calls.
class OidcProvider {
public:
    static constexpr std::chrono::minutes lifetime{10};
    static constexpr std::chrono::seconds key_interval{10};
    static constexpr std::chrono::seconds patience{10};
    static constexpr std::size_t most_at_once = 16;

    OidcProvider(HttpClient& http, const Clock& clock, OidcSettings settings);

    const OidcSettings& settings() const { return settings_; }

    /// Where the browser goes to sign in.
    /// @throws HttpError 502 when the provider says what makes no sense, 503 when it is away.
    asio::awaitable<std::string> sign_in_url(SignInAttempt attempt);

    /// Who has signed in, by the code that the browser brought back.
    /// @param issuer the parameter "iss" (RFC 9207), "" = there was none.
    /// @throws HttpError as above, and 403 when the code, the token or the person is not good.
    asio::awaitable<ProviderPerson> person_of(std::string code, std::string issuer,
                                              SignInAttempt attempt);

private:
    /// What the provider publishes of itself (OpenID Connect Discovery 1.0, 3).
    struct Published {
        std::string authorization_url;
        std::string token_url;
        std::string keys_url;
        std::string user_info_url;  // "" = it has none
        bool takes_basic = true;    // the secret in a header; else in the body
        bool sends_issuer = false;  // in each answer to the browser
        JwkSet keys;
        SteadyTime keys_read_at{};
    };
    struct Tokens {
        std::string id_token;
        std::string access_token;
    };
    class Place;

    asio::awaitable<std::shared_ptr<const Published>> published(SteadyTime deadline);
    asio::awaitable<JwkSet> read_keys(std::string url, SteadyTime deadline);
    asio::awaitable<Tokens> redeem(std::string code, const Published& at,
                                   const SignInAttempt& attempt, SteadyTime deadline);
    asio::awaitable<IdToken> judge(std::string text, std::shared_ptr<const Published> at,
                                   const SignInAttempt& attempt, SteadyTime deadline);
    asio::awaitable<boost::json::object> user_info(const Published& at, const IdToken& token,
                                                   std::string access_token, SteadyTime deadline);
    asio::awaitable<HttpAnswer> ask(HttpRequest request, SteadyTime deadline);
    asio::awaitable<boost::json::object> read_object(std::string url, std::string what,
                                                     SteadyTime deadline);
    ProviderPerson judge_person(const std::string& subject,
                                const boost::json::object& claims) const;

    HttpClient& http_;
    const Clock& clock_;
    const OidcSettings settings_;
    std::shared_ptr<const Published> published_;
    SteadyTime published_until_{};
    std::size_t waiting_ = 0;
};

}  // namespace peercron
