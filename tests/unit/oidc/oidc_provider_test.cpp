#include "oidc/oidc_provider.hpp"

#include "base/base64.hpp"
#include "base/digest.hpp"
#include "http/message.hpp"
#include "run_coroutine.hpp"
#include "test_keys.hpp"
#include "unit/http_client/raw_server.hpp"

#include <gmock/gmock.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// The conversation with a provider. A whole sign-in with a real one: tests/cluster/test_oidc.py.

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::key_set;
using ::testing::Not;
using testing::ok;
using testing::RawServer;
using ::testing::SizeIs;
using testing::TestKey;

class SetClock final : public Clock {
public:
    WallTime time = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21);
    SteadyTime steady{};
    WallTime now() const override { return time; }
    SteadyTime steady_now() const override { return steady; }
};

std::string status(int code, const std::string& body)
{
    return fmt::format("HTTP/1.1 {} No\r\nContent-Length: {}\r\n\r\n{}", code, body.size(), body);
}

/// What came of a sign-in: the person, or the refusal.
struct Outcome {
    ProviderPerson person;
    unsigned status = 200;
    std::string why;
};

class OidcProviderTest : public ::testing::Test {
protected:
    OidcProviderTest()
        : server_(io_.get_executor(), [this](const std::string& request) {
              return RawServer::Reply{answer_to(request), false};
          })
    {
        settings_.issuer = server_.url("/realm");
        settings_.client_id = "peer cron";
        settings_.client_secret = "s&cret";
        settings_.redirect_uri = "https://cron.example/session/oidc/callback";
        published_ = {{"issuer", settings_.issuer},
                      {"authorization_endpoint", server_.url("/auth?theme=dark")},
                      {"token_endpoint", server_.url("/token")},
                      {"userinfo_endpoint", server_.url("/me")},
                      {"jwks_uri", server_.url("/keys")}};
        claims_ = {{"sub", "17"}, {"aud", "peer cron"}, {"preferred_username", "ada"}};
    }

    std::string answer_to(const std::string& request)
    {
        const std::string path = request.substr(0, request.find(" HTTP/"));
        if (const auto other = others_.find(path); other != others_.end()) return other->second;
        if (path == "GET /realm/.well-known/openid-configuration") {
            return ok(boost::json::serialize(published_));
        }
        if (path == "GET /keys") return ok(key_set({key_.jwk(R"("kid":"one")")}));
        if (path == "POST /token") return ok(token_answer());
        return status(404, "");
    }

    /// claims_, and what a good token of this sign-in says beside them.
    boost::json::object good_claims() const
    {
        boost::json::object claims = claims_;
        const auto seconds =
            std::chrono::duration_cast<std::chrono::seconds>(clock_.time.time_since_epoch())
                .count();
        claims["iss"] = settings_.issuer;
        claims["iat"] = seconds;
        claims["exp"] = seconds + 60;
        if (!claims.contains("nonce")) claims["nonce"] = attempt_.nonce();
        return claims;
    }

    std::string token_answer() const
    {
        const std::string token = signer_.token(R"({"alg":"ES256","kid":")" + key_id_ + R"("})",
                                                boost::json::serialize(good_claims()), "ES256");
        return R"({"id_token":")" + token + R"(","access_token":"for-userinfo"})";
    }

    void run(std::function<asio::awaitable<void>(OidcProvider&)> test)
    {
        testing::run(io_, go(*this, std::move(test)));
        io_.restart();
    }

    static asio::awaitable<void> go(OidcProviderTest& self,
                                    std::function<asio::awaitable<void>(OidcProvider&)> test)
    {
        HttpClient client(self.io_.get_executor(), {});
        OidcProvider provider(client, self.clock_, self.settings_);
        co_await test(provider);
        client.close();
        self.server_.stop();
    }

    static asio::awaitable<Outcome> ask(OidcProvider& provider, SignInAttempt attempt,
                                        std::string issuer = "")
    {
        Outcome outcome;
        try {
            outcome.person =
                co_await provider.person_of("the+code", std::move(issuer), std::move(attempt));
        } catch (const HttpError& refused) {
            outcome.status = static_cast<unsigned>(refused.status());
            outcome.why = refused.what();
        }
        co_return outcome;
    }

    Outcome sign_in(std::string issuer = "")
    {
        Outcome outcome;
        run([&](OidcProvider& provider) -> asio::awaitable<void> {
            outcome = co_await ask(provider, attempt_, issuer);
        });
        return outcome;
    }

    /// @param name of the old key and of the new one; "" = they have none.
    void expect_new_key_is_fetched(const std::string& name)
    {
        const std::string named = name.empty() ? "" : R"("kid":")" + name + R"(")";
        key_id_ = name;
        others_["GET /keys"] = ok(key_set({key_.jwk(named)}));
        run([&](OidcProvider& provider) -> asio::awaitable<void> {
            Outcome outcome = co_await ask(provider, attempt_);
            EXPECT_EQ(outcome.why, "");
            signer_ = TestKey::ec();
            others_["GET /keys"] = ok(key_set({signer_.jwk(named)}));
            outcome = co_await ask(provider, attempt_);
            EXPECT_THAT(outcome.why, HasSubstr("signature is wrong"));
            EXPECT_EQ(count("GET /keys"), 1U) << "they have just been read";
            clock_.steady += OidcProvider::key_interval;
            outcome = co_await ask(provider, attempt_);
            EXPECT_EQ(outcome.why, "");
            EXPECT_EQ(count("GET /keys"), 2U);
            signer_ = TestKey::ec();
            for (int i = 0; i < 3; ++i) outcome = co_await ask(provider, attempt_);
            EXPECT_THAT(outcome.why, HasSubstr("signature is wrong"));
            EXPECT_EQ(count("GET /keys"), 2U);
        });
    }

    std::size_t count(const std::string& path) const
    {
        return static_cast<std::size_t>(std::ranges::count_if(
            server_.requests, [&](const std::string& one) { return one.starts_with(path); }));
    }

    asio::io_context io_;
    SetClock clock_;
    OidcSettings settings_;
    TestKey key_ = TestKey::ec();
    TestKey signer_ = key_;
    std::string key_id_ = "one";
    SignInAttempt attempt_{"a secret of this browser"};
    boost::json::object published_;
    boost::json::object claims_;
    std::map<std::string, std::string> others_;  ///< answers instead, by "METHOD /path"
    RawServer server_;
};

TEST_F(OidcProviderTest, TheBrowserIsSentWithAllThatTheProviderHasToKnow)
{
    std::string url;
    const std::string at = server_.url("/auth?theme=dark");
    settings_.scopes = {"openid", "groups"};
    run([&](OidcProvider& provider) -> asio::awaitable<void> {
        url = co_await provider.sign_in_url(attempt_);
    });
    EXPECT_EQ(url, at +
                       "&response_type=code&client_id=peer%20cron&redirect_uri=https%3A%2F%2F"
                       "cron.example%2Fsession%2Foidc%2Fcallback&scope=openid%20groups&state=" +
                       attempt_.state() + "&nonce=" + attempt_.nonce() +
                       "&code_challenge=" + attempt_.challenge() + "&code_challenge_method=S256");
    EXPECT_THAT(url, Not(HasSubstr(attempt_.verifier())));
}

TEST_F(OidcProviderTest, TheCodeIsRedeemedWithTheVerifierAndTheSecret)
{
    const Outcome outcome = sign_in();
    EXPECT_EQ(outcome.why, "");
    EXPECT_EQ(outcome.person.identity, "17 " + settings_.issuer);
    EXPECT_EQ(outcome.person.name, "ada");
    EXPECT_EQ(outcome.person.role, std::nullopt);
    EXPECT_THAT(server_.requests.back(),
                AllOf(HasSubstr("code=the%2Bcode"), HasSubstr("grant_type=authorization_code"),
                      HasSubstr("code_verifier=" + attempt_.verifier()),
                      // "peer%20cron:s%26cret"
                      HasSubstr("Authorization: Basic cGVlciUyMGNyb246cyUyNmNyZXQ="),
                      Not(HasSubstr("client_secret"))));
    EXPECT_EQ(count("GET /me"), 0U) << "all is known";
}

TEST_F(OidcProviderTest, TheSecretGoesInTheBodyWhereTheProviderWantsItThere)
{
    published_["token_endpoint_auth_methods_supported"] = {"client_secret_post", "none"};
    EXPECT_EQ(sign_in().why, "");
    EXPECT_THAT(server_.requests.back(),
                AllOf(HasSubstr("client_id=peer%20cron&client_secret=s%26cret"),
                      Not(HasSubstr("Authorization"))));
}

TEST_F(OidcProviderTest, APublicClientHasNoSecret)
{
    settings_.client_secret = "";
    EXPECT_EQ(sign_in().why, "");
    EXPECT_THAT(server_.requests.back(),
                AllOf(HasSubstr("client_id=peer%20cron"), Not(HasSubstr("client_secret")),
                      Not(HasSubstr("Authorization"))));
}

TEST_F(OidcProviderTest, WhatTheTokenDoesNotSayTheUserInfoMay)
{
    settings_.groups[static_cast<std::size_t>(Role::admin)] = {"cron-admins"};
    claims_.erase("preferred_username");
    others_["GET /me"] = ok(
        R"({"sub":"17","preferred_username":"ada","aud":"evil","groups":["staff","cron-admins"]})");
    const Outcome outcome = sign_in();
    EXPECT_EQ(outcome.why, "");
    EXPECT_EQ(outcome.person.name, "ada");
    EXPECT_EQ(outcome.person.role, Role::admin);
    EXPECT_THAT(server_.requests.back(), HasSubstr("Authorization: Bearer for-userinfo"));
}

TEST_F(OidcProviderTest, AnotherUserInfoThanThatOfThePersonIsRefused)
{
    claims_.erase("preferred_username");
    const std::vector<std::pair<std::string, std::string>> answers{
        {ok(R"({"sub":"18","preferred_username":"root"})"), "another person"},
        {ok(R"({"sub":17,"preferred_username":"root"})"), "another person"},
        {ok(R"({"preferred_username":"root"})"), "another person"},
        {ok(R"(["root"])"), "does not say more"},
        {status(401, R"({"sub":"17","preferred_username":"root"})"), "status 401"},
    };
    run([&](OidcProvider& provider) -> asio::awaitable<void> {
        for (const auto& [answer, why] : answers) {
            others_["GET /me"] = answer;
            const Outcome outcome = co_await ask(provider, attempt_);
            EXPECT_EQ(outcome.status, 502U) << why;
            EXPECT_THAT(outcome.why, HasSubstr(why));
        }
    });
}

TEST_F(OidcProviderTest, AnAccessTokenThatWouldAddAHeaderIsNotSent)
{
    claims_.erase("preferred_username");
    std::string answer = token_answer();
    const std::string usual = "for-userinfo";
    answer.replace(answer.find(usual), usual.size(), R"(x\r\nX-Owner: yes)");
    others_["POST /token"] = ok(answer);
    const Outcome outcome = sign_in();
    EXPECT_EQ(outcome.status, 502U);
    EXPECT_THAT(outcome.why, HasSubstr("characters that none may have"));
    EXPECT_EQ(count("GET /me"), 0U);
}

TEST_F(OidcProviderTest, WhatIsSignedCountsBeforeTheUserInfo)
{
    settings_.groups[static_cast<std::size_t>(Role::read)] = {"staff"};
    others_["GET /me"] = ok(R"({"sub":"17","preferred_username":"root","groups":["staff"]})");
    EXPECT_EQ(sign_in().person.name, "ada");
}

TEST_F(OidcProviderTest, TheGroupsGiveTheHighestRole)
{
    settings_.groups = {{{"staff"}, {"ops"}, {"admins", "ops"}, {}}};
    claims_["groups"] = {"staff", "ops"};
    EXPECT_EQ(role_of(settings_, {"staff"}), Role::read);
    EXPECT_EQ(role_of(settings_, {"ops"}), Role::admin);
    EXPECT_EQ(role_of(settings_, {"Staff", "staffs", ""}), std::nullopt);
    EXPECT_EQ(role_of(settings_, {}), std::nullopt);
    EXPECT_EQ(sign_in().person.role, Role::admin);
}

TEST_F(OidcProviderTest, WithoutAGroupThatCountsNobodyIsSignedIn)
{
    settings_.groups[static_cast<std::size_t>(Role::owner)] = {"owners"};
    claims_["groups"] = {"staff"};
    const Outcome outcome = sign_in();
    EXPECT_EQ(outcome.status, 403U);
    EXPECT_THAT(outcome.why, AllOf(HasSubstr("\"ada\" is in no group"), HasSubstr("owner_groups")));
}

TEST_F(OidcProviderTest, AProviderThatSaysNoGroupsAtAllIsAnotherMatter)
{
    settings_.groups[static_cast<std::size_t>(Role::owner)] = {"owners"};
    published_.erase("userinfo_endpoint");
    EXPECT_THAT(sign_in().why, HasSubstr("does not say which groups"));
}

TEST_F(OidcProviderTest, AnAddressNamesSomebodyOnlyWhenItIsVerified)
{
    settings_.user_claim = "email";
    claims_["email"] = "ada@example.org";
    EXPECT_THAT(sign_in().why, HasSubstr("has not verified"));
}

TEST_F(OidcProviderTest, ThatAnAddressIsVerifiedIsSaidOfThatAddressAlone)
{
    settings_.user_claim = "email";
    settings_.groups[static_cast<std::size_t>(Role::read)] = {"staff"};
    claims_["email"] = "root@example.org";
    others_["GET /me"] =
        ok(R"({"sub":"17","email":"ada@example.org","email_verified":true,"groups":["staff"]})");
    EXPECT_THAT(sign_in().why, HasSubstr("has not verified the address \"root@example.org\""));
}

TEST_F(OidcProviderTest, WhatTheTokenSaysOfNoAddressIsNotSaidOfThatOfTheUserInfo)
{
    settings_.user_claim = "email";
    claims_["email_verified"] = true;
    others_["GET /me"] = ok(R"({"sub":"17","email":"root@example.org"})");
    EXPECT_THAT(sign_in().why, HasSubstr("has not verified the address \"root@example.org\""));
}

TEST_F(OidcProviderTest, AnAddressAndThatItIsVerifiedMayBothBeInTheUserInfo)
{
    settings_.user_claim = "email";
    claims_["email_verified"] = false;
    others_["GET /me"] = ok(R"({"sub":"17","email":"ada@example.org","email_verified":true})");
    EXPECT_EQ(sign_in().person.name, "ada@example.org");
}

TEST_F(OidcProviderTest, AVerifiedAddressIsGood)
{
    settings_.user_claim = "email";
    claims_["email"] = "ada@example.org";
    claims_["email_verified"] = true;
    EXPECT_EQ(sign_in().person.name, "ada@example.org");
}

TEST_F(OidcProviderTest, ATokenOfAnotherSignInIsRefused)
{
    claims_["nonce"] = SignInAttempt("of another browser").nonce();
    const Outcome outcome = sign_in();
    EXPECT_EQ(outcome.status, 403U);
    EXPECT_THAT(outcome.why, HasSubstr("another sign-in"));
}

TEST_F(OidcProviderTest, AnAnswerOfAnotherProviderIsRefusedBeforeTheCodeIsSent)
{
    EXPECT_THAT(sign_in("https://evil.example").why, HasSubstr("another provider"));
    EXPECT_EQ(count("POST /token"), 0U);
}

TEST_F(OidcProviderTest, AProviderThatAlwaysNamesItselfHasTo)
{
    published_["authorization_response_iss_parameter_supported"] = true;
    EXPECT_THAT(sign_in().why, HasSubstr("another provider"));
}

TEST_F(OidcProviderTest, ANewKeyIsFetchedOnceInAWhile)
{
    key_id_ = "two";
    run([&](OidcProvider& provider) -> asio::awaitable<void> {
        Outcome outcome = co_await ask(provider, attempt_);
        EXPECT_THAT(outcome.why, HasSubstr("does not publish"));
        EXPECT_EQ(count("GET /keys"), 1U) << "they have just been read";
        clock_.steady += OidcProvider::key_interval;
        others_["GET /keys"] = ok(key_set({key_.jwk(R"("kid":"two")")}));
        outcome = co_await ask(provider, attempt_);
        EXPECT_EQ(outcome.why, "");
        EXPECT_EQ(count("GET /keys"), 2U);
        EXPECT_EQ(count("GET /realm"), 1U);
        outcome = co_await ask(provider, attempt_);
        EXPECT_EQ(count("GET /keys"), 2U);
        clock_.steady += OidcProvider::lifetime;
        outcome = co_await ask(provider, attempt_);
        EXPECT_EQ(count("GET /realm"), 2U) << "a key that is withdrawn goes with this";
    });
}

TEST_F(OidcProviderTest, ANewKeyWithoutANameIsFetchedOnceInAWhile)
{
    expect_new_key_is_fetched("");
}

TEST_F(OidcProviderTest, ANewKeyUnderTheNameOfTheOldOneIsFetchedOnceInAWhile)
{
    expect_new_key_is_fetched("one");
}

TEST_F(OidcProviderTest, ATokenThatIsNotGoodSignsNobodyIn)
{
    const auto changed = [this](const char* claim, const boost::json::value& value) {
        boost::json::object claims = good_claims();
        claims[claim] = value;
        return boost::json::serialize(claims);
    };
    const auto signed_by = [](const TestKey& key, const std::string& algorithm,
                              const std::string& claims) {
        return key.token(R"({"alg":")" + algorithm + R"(","kid":"one"})", claims, algorithm);
    };
    const auto signed_by_secret = [](const std::string& secret, const std::string& claims) {
        const std::string text =
            encode_base64url(R"({"alg":"HS256","kid":"one"})") + "." + encode_base64url(claims);
        return text + "." + encode_base64url(view(Hmac(secret).of({text})));
    };
    const std::string good = boost::json::serialize(good_claims());
    const std::int64_t long_ago = good_claims().at("iat").as_int64() - 120;
    const std::string old_nonce = SignInAttempt("an older sign-in of this browser").nonce();
    const std::vector<std::pair<std::string, std::string>> tokens{
        {encode_base64url(R"({"alg":"none","kid":"one"})") + "." + encode_base64url(good) + ".",
         "(alg)"},
        {signed_by_secret(key_.jwk(), good), "(alg)"},
        {signed_by_secret(settings_.client_secret, good), "(alg)"},
        {signed_by_secret("", good), "(alg)"},
        {key_.token(R"({"alg":"ES256","kid":"two"})", good, "ES256"), "does not publish"},
        {signed_by(TestKey::rsa(), "RS256", good), "does not publish"},
        {signed_by(TestKey::ec(), "ES256", good), "signature is wrong"},
        {signed_by(key_, "ES256", changed("iss", "https://id.example")), "(iss)"},
        {signed_by(key_, "ES256", changed("aud", "another client")), "(aud)"},
        {signed_by(key_, "ES256", changed("exp", long_ago)), "expired"},
        {signed_by(key_, "ES256", changed("nonce", boost::json::string(old_nonce))),
         "another sign-in"},
    };
    run([&](OidcProvider& provider) -> asio::awaitable<void> {
        for (const auto& [token, why] : tokens) {
            others_["POST /token"] = ok(R"({"id_token":")" + token + R"("})");
            const Outcome outcome = co_await ask(provider, attempt_);
            EXPECT_EQ(outcome.status, 403U) << why;
            EXPECT_THAT(outcome.why, HasSubstr(why));
        }
        others_["POST /token"] = ok(R"({"id_token":")" + signed_by(key_, "ES256", good) + R"("})");
        const Outcome outcome = co_await ask(provider, attempt_);
        EXPECT_EQ(outcome.why, "");
    });
}

TEST_F(OidcProviderTest, AStrangersSignatureIsRefused)
{
    signer_ = TestKey::ec();
    EXPECT_THAT(sign_in().why, HasSubstr("signature is wrong"));
}

TEST_F(OidcProviderTest, TheProviderHasToCallItselfAsConfigured)
{
    published_["issuer"] = "https://id.example";
    const Outcome outcome = sign_in();
    EXPECT_EQ(outcome.status, 502U);
    EXPECT_THAT(outcome.why, AllOf(HasSubstr("https://id.example"), HasSubstr("[oidc] issuer")));
}

TEST_F(OidcProviderTest, WhatTheProviderNamesIsEncryptedOrAtItsOwnPlace)
{
    const std::string here = server_.url("");
    const std::vector<std::string> bad{"ftp://127.0.0.1/token",
                                       "http://evil.example/token",
                                       "http://127.0.0.1/token",
                                       here + ".evil.example/token",
                                       here + "@evil.example/token",
                                       here + "0/token",
                                       "javascript:alert(1)//https://127.0.0.1",
                                       "/token"};
    run([&](OidcProvider& provider) -> asio::awaitable<void> {
        for (const char* const name :
             {"token_endpoint", "authorization_endpoint", "userinfo_endpoint", "jwks_uri"}) {
            const boost::json::value good = published_[name];
            for (const std::string& url : bad) {
                published_[name] = boost::json::string(url);
                const Outcome outcome = co_await ask(provider, attempt_);
                EXPECT_EQ(outcome.status, 502U) << url;
                EXPECT_THAT(outcome.why, AllOf(HasSubstr(name), HasSubstr(here))) << url;
            }
            published_[name] = good;
        }
        EXPECT_EQ(count("POST /token"), 0U) << "no secret has gone anywhere";
        published_["userinfo_endpoint"] = "https://another.example/me";
        const Outcome outcome = co_await ask(provider, attempt_);
        EXPECT_EQ(outcome.why, "");
    });
}

TEST_F(OidcProviderTest, AnythingElseThanWhatItPublishesIsRefused)
{
    others_["GET /realm/.well-known/openid-configuration"] = ok("<html>");
    const Outcome outcome = sign_in();
    EXPECT_EQ(outcome.status, 502U);
    EXPECT_THAT(outcome.why, HasSubstr("configuration cannot be read"));
}

TEST_F(OidcProviderTest, KeysThatAreNoneAreRefused)
{
    others_["GET /keys"] = ok("{}");
    EXPECT_THAT(sign_in().why, HasSubstr("\"keys\""));
}

TEST_F(OidcProviderTest, ARedirectIsNotFollowed)
{
    claims_.erase("preferred_username");
    const std::string elsewhere =
        fmt::format("HTTP/1.1 307 Elsewhere\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
                    server_.url("/elsewhere"));
    run([&](OidcProvider& provider) -> asio::awaitable<void> {
        // In the order in which they are asked, because what has been read is kept.
        for (const char* const path : {"GET /realm/.well-known/openid-configuration", "GET /keys",
                                       "POST /token", "GET /me"}) {
            others_[path] = elsewhere;
            const Outcome outcome = co_await ask(provider, attempt_);
            EXPECT_EQ(outcome.status, 502U) << path;
            EXPECT_THAT(outcome.why, HasSubstr("status 307")) << path;
            others_.erase(path);
        }
    });
    EXPECT_EQ(count("GET /elsewhere") + count("POST /elsewhere"), 0U);
}

TEST_F(OidcProviderTest, ACodeThatIsNotGoodIsRefusedInTheProvidersWords)
{
    others_["POST /token"] =
        status(400, R"({"error":"invalid_grant","error_description":"used\u001b[31m"})");
    const Outcome outcome = sign_in();
    EXPECT_EQ(outcome.status, 403U);
    EXPECT_THAT(outcome.why, AllOf(HasSubstr("invalid_grant"), HasSubstr("sign in again"),
                                   Not(HasSubstr("\x1b"))));
}

TEST_F(OidcProviderTest, AWrongSecretIsTheOperatorsMatter)
{
    others_["POST /token"] = status(401, R"({"error":"invalid_client"})");
    const Outcome outcome = sign_in();
    EXPECT_EQ(outcome.status, 502U);
    EXPECT_THAT(outcome.why, AllOf(HasSubstr("client_secret"), Not(HasSubstr("s&cret"))));
}

TEST_F(OidcProviderTest, AnAnswerWithoutAnIdTokenIsRefused)
{
    others_["POST /token"] = ok(R"({"access_token":"x"})");
    EXPECT_THAT(sign_in().why, AllOf(HasSubstr("no ID token"), HasSubstr("openid")));
}

TEST_F(OidcProviderTest, AnAnswerThatIsTooLongIsRefused)
{
    others_["GET /keys"] = ok(std::string(1U << 20U, ' '));
    EXPECT_EQ(sign_in().status, 503U);
}

TEST_F(OidcProviderTest, AProviderThatIsAwayIsSaidToBe)
{
    others_["GET /realm/.well-known/openid-configuration"] = status(500, "");
    const Outcome outcome = sign_in();
    EXPECT_EQ(outcome.status, 503U);
    EXPECT_THAT(outcome.why, AllOf(HasSubstr("status 500"), HasSubstr("password")));
}

TEST_F(OidcProviderTest, AProviderThatDoesNotListenIsSaidNotTo)
{
    settings_.issuer = "http://127.0.0.1:1/realm";
    const Outcome outcome = sign_in();
    EXPECT_EQ(outcome.status, 503U);
    EXPECT_THAT(outcome.why, HasSubstr("refused"));
}

TEST_F(OidcProviderTest, NobodyWaitsForASlowProviderForLong)
{
    settings_.request_timeout = 100ms;
    others_["POST /token"] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{";
    const Outcome outcome = sign_in();
    EXPECT_EQ(outcome.status, 503U);
    EXPECT_THAT(outcome.why, AllOf(HasSubstr("/token"), HasSubstr("0.1 s")));
}

TEST_F(OidcProviderTest, OnlySoManyWaitAtATime)
{
    run([&](OidcProvider& provider) -> asio::awaitable<void> {
        std::vector<Outcome> outcomes;
        const auto sign_in_once = [](OidcProvider& at, SignInAttempt attempt,
                                     std::vector<Outcome>& all) -> asio::awaitable<void> {
            Outcome outcome = co_await ask(at, std::move(attempt));
            all.push_back(std::move(outcome));
        };
        const std::size_t wanted = OidcProvider::most_at_once + 1;
        for (std::size_t i = 0; i < wanted; ++i) {
            asio::co_spawn(io_, sign_in_once(provider, attempt_, outcomes), asio::detached);
        }
        for (int i = 0; i < 1000 && outcomes.size() < wanted; ++i) {
            asio::steady_timer timer(io_, 10ms);
            co_await timer.async_wait(asio::use_awaitable);
        }
        EXPECT_THAT(outcomes, SizeIs(wanted));
        const auto refused = std::ranges::count(outcomes, 503U, &Outcome::status);
        EXPECT_EQ(refused, 1);
        EXPECT_THAT(outcomes.front().why, HasSubstr("too many"));
    });
}

}  // namespace
}  // namespace peercron
