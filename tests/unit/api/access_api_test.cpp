#include "access/secret.hpp"
#include "api_fixture.hpp"
#include "await.hpp"
#include "http_client/http_client.hpp"
#include "oidc/oidc_provider.hpp"

#include <gmock/gmock.h>
#include <boost/json/array.hpp>

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

// Who may do what: every call by every kind of caller, and what accounts, tokens and sessions are.

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string password = "correct horse battery";

class AccessApiTest : public testing::ApiTest {
protected:
    static std::string bearer(const std::string& secret)
    {
        return "Authorization: Bearer " + secret + "\r\n";
    }

    std::string add_token(const std::string& name, Role role, std::vector<std::string> tags = {},
                          std::optional<WallTime> expires = {})
    {
        AccessToken token;
        token.id = ++tables_.last_id;
        token.name = name;
        const std::string secret = "pcr_" + name;
        token.digest = digest_of(secret);
        token.role = role;
        token.tags = std::move(tags);
        token.expires_at = expires;
        tables_.tokens.push_back(token);
        access_.forget();
        return secret;
    }

    /// The cookie of a new session of a new account.
    std::string sign_in_as(const std::string& name, const std::string& role)
    {
        const std::string owner = bearer(add_token("owner-of-" + name, Role::owner));
        const std::string fields =
            fmt::format(R"({{"name":"{}","password":"{}","role":"{}"}})", name, password, role);
        const auto added = request("POST", "/account/add", owner + json, fields);
        EXPECT_EQ(added.status, 200U) << added.body;
        const auto signed_in = sign_in(name, password);
        EXPECT_EQ(signed_in.status, 200U) << signed_in.body;
        const std::string cookie(signed_in.header("Set-Cookie"));
        return "Cookie: " + cookie.substr(0, cookie.find(';')) + "\r\n";
    }

    /// What comes of a person whom the provider has signed in: "ada read", or "403 …".
    std::string sign_in_by_provider(const std::string& subject, const std::string& name,
                                    std::optional<Role> role)
    {
        ProviderPerson person{subject + " https://id.example", name, role};
        return testing::await(io_, outcome_of(access_, std::move(person)));
    }

    static asio::awaitable<std::string> outcome_of(AccessBook& access, ProviderPerson person)
    {
        std::string address = "::1";
        std::string outcome;
        try {
            const AccessBook::NewSession session =
                co_await access.sign_in(std::move(person), std::move(address));
            outcome = fmt::format("{} {}", session.account.name, to_string(session.account.role));
        } catch (const HttpError& refused) {
            outcome = fmt::format("{} {}", static_cast<unsigned>(refused.status()), refused.what());
        }
        co_return outcome;
    }

    /// It opens by its password alone.
    UserAccount insert_account(const std::string& name, Role role)
    {
        UserAccount account;
        account.id = ++tables_.last_id;
        account.name = name;
        account.password = "$y$hash";
        account.role = role;
        tables_.accounts.push_back(account);
        return account;
    }

    testing::Reply sign_in(const std::string& name, const std::string& word,
                           const std::string& headers = "")
    {
        return request("POST", "/session/sign-in", headers + json,
                       fmt::format(R"({{"name":"{}","password":"{}"}})", name, word));
    }

    const std::string json = "Content-Type: application/json\r\n";
    const std::string same_origin = "Sec-Fetch-Site: same-origin\r\n";
};

// The matrix.

/// The least role of each call, said a second time: what a route asks for by mistake shows here.
const std::vector<std::pair<std::string, std::string>> least_roles{
    {"/health", "-"},
    {"/health/ready", "-"},
    {"/openapi.json", "-"},
    {"/session/sign-in", "-"},
    {"/session/methods", "-"},
    {"/session/oidc/start", "-"},
    {"/session/oidc/callback", "-"},
    {"/session/sign-out", "-"},
    {"/access/me", "read"},
    {"/audit", "read"},
    {"/cron/list", "read"},
    {"/cron/count", "read"},
    {"/cron/tags", "read"},
    {"/cron/deleted", "read"},
    {"/cron/{id}", "read"},
    {"/cron/{id}/history", "read"},
    {"/cron/{id}/backfills", "read"},
    {"/cron/{id}/stats", "read"},
    {"/cron/{id}/why", "read"},
    {"/cron/preview", "read"},
    {"/events", "read"},
    {"/forecast", "read"},
    {"/forecast/fires", "read"},
    {"/forecast/free", "read"},
    {"/metrics", "read"},
    {"/metrics/jobs", "read"},
    {"/overview", "read"},
    {"/badge/{id}", "read"},
    {"/lock/list", "read"},
    {"/calendar/list", "read"},
    {"/calendar/show", "read"},
    {"/log/histogram", "read"},
    {"/log/list", "read"},
    {"/log/{id}", "read"},
    {"/node/list", "read"},
    {"/node/{id}/if-stopped", "read"},
    {"/pause/list", "read"},
    {"/run/{id}/output", "read"},
    {"/run/{id}/diff", "read"},
    {"/account/password", "read"},
    {"/cron/bulk", "operate"},
    {"/cron/run/{id}", "operate"},
    {"/cron/stop/{id}", "operate"},
    {"/cron/start/{id}", "operate"},
    {"/pause", "operate"},
    {"/resume", "operate"},
    {"/run/kill/{id}", "operate"},
    {"/run/retry/{id}", "operate"},
    {"/run/give-up/{id}", "operate"},
    {"/run/again/{id}", "operate"},
    {"/cron/backfill/{id}", "operate"},
    {"/cron/backfill/stop/{id}", "operate"},
    {"/cron/add", "admin"},
    {"/cron/update", "admin"},
    {"/cron/clear", "admin"},
    {"/cron/delete/{id}", "admin"},
    {"/cron/bulk/delete", "admin"},
    {"/lock/set", "admin"},
    {"/lock/delete", "admin"},
    {"/calendar/add", "admin"},
    {"/calendar/set", "admin"},
    {"/calendar/delete", "admin"},
    {"/channel/list", "owner"},
    {"/channel/add", "owner"},
    {"/channel/update", "owner"},
    {"/channel/delete/{id}", "owner"},
    {"/channel/test/{id}", "owner"},
    {"/channel/{id}/deliveries", "owner"},
    {"/access/list", "owner"},
    {"/account/list", "owner"},
    {"/account/add", "owner"},
    {"/account/update", "owner"},
    {"/account/delete", "owner"},
    {"/token/list", "owner"},
    {"/token/add", "owner"},
    {"/token/delete", "owner"},
};

/// Whether the call got past the doors; what it does then is another matter.
bool is_let_in(const testing::Reply& reply)
{
    return reply.status != 401U && reply.status != 403U;
}

TEST_F(AccessApiTest, EveryCallIsOpenToItsRolesAndClosedToAllOthers)
{
    const std::map<std::string, std::string> cookies{
        {"read", sign_in_as("s-read", "read")},
        {"operate", sign_in_as("s-operate", "operate")},
        {"admin", sign_in_as("s-admin", "admin")},
        {"owner", sign_in_as("s-owner", "owner")}};
    std::map<std::string, std::string> tokens;
    for (const std::string_view role : role_words) {
        tokens[std::string(role)] = bearer(add_token(fmt::format("t-{}", role), *parse_role(role)));
    }
    const std::string expired = bearer(add_token("expired", Role::owner, {}, clock_.time - 1s));
    const std::string wrong = bearer("pcr_nobody-has-this-one");
    std::set<std::string> seen;
    for (const auto& [pattern, least] : least_roles) {
        const auto route = std::ranges::find(router_->routes(), pattern, &Route::pattern);
        ASSERT_NE(route, router_->routes().end()) << pattern;
        seen.insert(pattern);
        if (pattern == "/events") continue;  // without an end; the same door as all
        std::string target = pattern;
        if (const auto at = target.find("{id}"); at != std::string::npos) {
            target.replace(at, 4, "999999");
        }
        for (const http::verb method : route->methods) {
            const std::string verb(http::to_string(method));
            const auto call = [&](const std::string& headers) {
                return is_let_in(request(verb, target, headers + same_origin + json, "{}"));
            };
            const bool is_open = least == "-";
            if (!is_open || pattern.starts_with("/health") || pattern == "/openapi.json") {
                EXPECT_EQ(call(""), is_open) << "no token: " << verb << ' ' << pattern;
                EXPECT_EQ(call(wrong), is_open) << "wrong token: " << verb << ' ' << pattern;
                EXPECT_EQ(call(expired), is_open) << "expired token: " << verb << ' ' << pattern;
                EXPECT_EQ(call("Cookie: peercron=nobody\r\n"), is_open) << "wrong session";
                EXPECT_EQ(call("X-Remote-User: nobody\r\n"), is_open) << "no account";
            }
            if (is_open) continue;
            for (const std::string_view word : role_words) {
                const std::string role(word);
                const bool may = *parse_role(role) >= *parse_role(least);
                EXPECT_EQ(call(tokens[role]), may) << role << " token: " << verb << ' ' << pattern;
                const bool is_changing_get = route->mutates && method != http::verb::post;
                EXPECT_EQ(call(cookies.at(role)), may && !is_changing_get)
                    << role << " session: " << verb << ' ' << pattern;
                EXPECT_EQ(call("X-Remote-User: s-" + role + "\r\n"), may && !is_changing_get)
                    << role << " named by a proxy: " << verb << ' ' << pattern;
            }
        }
    }
    for (const Route& route : router_->routes()) {
        if (route.pattern == "/" || route.pattern.starts_with("/ui")) continue;
        EXPECT_TRUE(seen.contains(route.pattern)) << route.pattern << " is not in the table";
    }
}

// Limits to the jobs with some tags.

TEST_F(AccessApiTest, ALimitedTokenSeesAndTouchesOnlyItsJobs)
{
    Job& web = insert_job("echo web");
    web.tags = {"web", "daily"};
    web.name = "web-job";
    const std::string own = std::to_string(web.id);
    Job& db = insert_job("echo db");
    db.tags = {"db"};
    db.name = "db-job";
    const std::string other = std::to_string(db.id);
    for (const JobId job : {web.id, db.id}) {
        LogRow row;
        row.id = 10 * job;
        row.run.id = RunId{job, clock_.time, 1};
        row.run.state = RunState::failed;
        row.run.output = "secret of " + std::to_string(job);
        tables_.log.push_back(row);
    }
    const std::string headers = bearer(add_token("ci", Role::admin, {"web"})) + json;
    const auto call = [&](std::string_view verb, const std::string& target,
                          const std::string& body = "") {
        return request(verb, target, headers, body);
    };
    for (const std::string& path :
         std::vector<std::string>{"/cron/list", "/cron/list?limit=9", "/log/list",
                                  "/log/list?full=1", "/log/list?cron_id=" + other}) {
        const auto list = call("GET", path);
        EXPECT_EQ(list.status, 200U) << path;
        EXPECT_THAT(list.body, AllOf(Not(HasSubstr("db-job")), Not(HasSubstr("echo db")),
                                     Not(HasSubstr("secret of " + other))))
            << path;
    }
    EXPECT_THAT(call("GET", "/cron/list").body, HasSubstr("web-job"));
    EXPECT_THAT(call("GET", "/log/list").body, HasSubstr("secret of " + own));
    EXPECT_EQ(call("GET", "/cron/count").data().at("total"), 1);
    const auto tags = call("GET", "/cron/tags").data();
    ASSERT_EQ(tags.as_array().size(), 2U);
    EXPECT_EQ(tags.at(0).at("name"), "daily");
    EXPECT_EQ(tags.at(1).at("name"), "web");
    const auto cells_of = [&](const std::string& tag) {
        const auto to = std::to_string(to_unix_seconds(clock_.time) + 600);
        const auto cells = call("GET", "/log/histogram?tag=" + tag + "&to=" + to).data();
        return cells.at("cells").as_array().size();
    };
    EXPECT_EQ(cells_of("web"), 1U);
    EXPECT_EQ(cells_of("db"), 0U);
    EXPECT_EQ(call("GET", "/log/list?tag=web").data().at("total"), 1);
    EXPECT_EQ(call("GET", "/log/list?tag=daily").data().at("total"), 1) << "as /cron/tags has it";
    EXPECT_EQ(call("GET", "/log/list?tag=db").data().at("total"), 0);

    for (const std::string path : {"/cron/{}", "/cron/{}/stats", "/badge/{}.svg"}) {
        EXPECT_EQ(call("GET", fmt::format(fmt::runtime(path), own)).status, 200U) << path;
    }
    for (const std::string path : {"/cron/{}", "/cron/{}/history", "/cron/{}/stats", "/cron/{}/why",
                                   "/cron/{}/backfills", "/badge/{}.svg"}) {
        EXPECT_EQ(call("GET", fmt::format(fmt::runtime(path), other)).status, 404U) << path;
    }
    EXPECT_EQ(call("GET", "/cron/" + other).message(),
              "there is no job with the id \"" + other + "\"");
    EXPECT_EQ(call("GET", "/log/" + own + "0").status, 200U);
    for (const std::string path : {"/log/{}0", "/run/{}0/output", "/run/{}0/diff"}) {
        EXPECT_EQ(call("GET", fmt::format(fmt::runtime(path), other)).status, 404U) << path;
    }
    for (const std::string path :
         {"/cron/stop/{}", "/cron/start/{}", "/cron/run/{}", "/cron/delete/{}", "/run/kill/{}0",
          "/run/retry/{}0", "/run/again/{}0", "/run/give-up/{}0"}) {
        EXPECT_EQ(call("POST", fmt::format(fmt::runtime(path), other), "{}").status, 404U) << path;
    }
    EXPECT_EQ(call("POST", "/cron/update", R"({"id":)" + other + R"(,"remark":"x"})").status, 404U);
    EXPECT_EQ(call("POST", "/cron/stop/" + own, "{}").status, 200U);

    // It cannot make a job that it could not see, nor lose one out of its sight.
    EXPECT_EQ(call("POST", "/cron/add", R"({"cronSet":"* * * * *","command":"true"})").status,
              403U);
    EXPECT_EQ(call("POST", "/cron/update", R"({"id":)" + own + R"(,"tags":"db"})").status, 403U);
    EXPECT_EQ(call("POST", "/cron/add", R"({"cronSet":"* * * * *","command":"true","tags":"web"})")
                  .status,
              200U);
    const auto replaced = call(
        "POST", "/cron/add",
        R"({"cronSet":"* * * * *","command":"true","tags":"web","name":"db-job","replace":true})");
    EXPECT_NE(replaced.status, 200U);
    EXPECT_EQ(tables_.jobs.at(db.id).command, "echo db");

    const auto bulk = call("POST", "/cron/bulk", R"({"ids":")" + other + R"(","action":"stop"})");
    EXPECT_EQ(bulk.data().at("total"), 0);
    EXPECT_EQ(call("POST", "/cron/bulk/delete", R"({"all":true})").status, 200U);
    EXPECT_TRUE(tables_.jobs.contains(db.id));
    EXPECT_FALSE(tables_.jobs.contains(web.id));
    for (const std::string path :
         {"/overview", "/audit", "/forecast", "/metrics", "/metrics/jobs", "/log/histogram",
          "/cron/deleted?name=db-job", "/node/n/if-stopped"}) {
        EXPECT_EQ(call("GET", path).status, 403U) << path;
    }
    for (const std::string path : {"/cron/clear", "/pause", "/resume"}) {
        EXPECT_EQ(call("POST", path, "{}").status, 403U) << path;
    }
    EXPECT_EQ(call("GET", "/node/list").status, 200U);
}

TEST_F(AccessApiTest, ChainsTellALimitedTokenNothingOfOtherJobs)
{
    const auto insert = [this](const std::string& name, const std::string& tag,
                               std::vector<std::string> parents = {}) {
        Job& job = insert_job("echo " + name);
        job.name = name;
        job.tags = {tag};
        if (!parents.empty()) job.cron_set = "";
        job.run_after = std::move(parents);
        return std::to_string(job.id);
    };
    const std::string hidden = insert("hidden", "db");
    const std::string mixed = insert("mixed", "web", {"hidden"});  // as somebody else wanted it
    const std::string parent = insert("parent", "web");
    insert("hidden-child", "db", {"parent"});
    const std::string headers = bearer(add_token("ci", Role::admin, {"web"})) + json;
    const auto update = [&](const std::string& fields) {
        return request("POST", "/cron/update", headers, fields);
    };
    const auto added =
        request("POST", "/cron/add", headers,
                R"({"name":"spy","tags":"web","command":"true","run_after":"hidden"})");
    EXPECT_EQ(added.status, 400U);
    EXPECT_THAT(added.message(), HasSubstr("there is no job of that name"));
    const auto own =
        request("POST", "/cron/add", headers,
                R"({"name":"own","tags":"web","command":"true","run_after":"parent"})");
    EXPECT_EQ(own.status, 200U) << own.body;
    EXPECT_EQ(update(R"({"id":)" + mixed + R"(,"run_after":"hidden"})").status, 200U)
        << "it was so before";
    EXPECT_EQ(update(R"({"id":)" + mixed + R"(,"run_after":"parent,hidden-child"})").status, 400U);

    for (const auto& refused : {request("POST", "/cron/delete/" + parent, headers, "{}"),
                                update(R"({"id":)" + parent + R"(,"name":"renamed"})")}) {
        EXPECT_EQ(refused.status, 409U);
        EXPECT_THAT(refused.message(), AllOf(HasSubstr("own"), Not(HasSubstr("hidden"))));
    }
}

TEST_F(AccessApiTest, AnOwnerCannotBeLimited)
{
    const std::string owner = bearer(add_token("root", Role::owner)) + json;
    const auto refused =
        request("POST", "/token/add", owner, R"({"name":"x","role":"owner","tags":"web"})");
    EXPECT_EQ(refused.status, 400U);
    EXPECT_THAT(refused.message(), HasSubstr("tags: an owner"));
}

// Tokens.

TEST_F(AccessApiTest, ATokenIsShownOnceAndKeptAsItsDigest)
{
    const std::string owner = bearer(add_token("root", Role::owner)) + json;
    const auto added = request("POST", "/token/add", owner,
                               R"({"name":"deploy","role":"operate","tags":["web"]})");
    ASSERT_EQ(added.status, 200U) << added.body;
    const std::string secret(added.data().at("token").as_string());
    EXPECT_TRUE(secret.starts_with("pcr_"));
    EXPECT_EQ(secret.size(), 4U + 43U);
    EXPECT_EQ(tables_.tokens.back().digest, digest_of(secret));
    EXPECT_THAT(request("GET", "/token/list", owner).body, Not(HasSubstr(secret.substr(4))));

    const auto me = request("GET", "/access/me", bearer(secret)).data();
    EXPECT_EQ(me.at("name"), "deploy");
    EXPECT_EQ(me.at("role"), "operate");
    EXPECT_EQ(me.at("proof"), "token");
    EXPECT_EQ(tables_.tokens.back().used_at, clock_.time);

    ASSERT_EQ(request("POST", "/token/delete", owner, R"({"name":"deploy"})").status, 200U);
    EXPECT_EQ(request("GET", "/access/me", bearer(secret)).status, 401U) << "at once, here";
    EXPECT_EQ(request("POST", "/token/delete", owner, R"({"name":"deploy"})").status, 404U);
    EXPECT_EQ(request("POST", "/token/add", owner, R"({"name":"root"})").status, 409U);
}

TEST_F(AccessApiTest, ATokenEndsAtItsTime)
{
    const std::string secret = add_token("short", Role::read, {}, clock_.time + 1h);
    EXPECT_EQ(get("/access/me", bearer(secret)).status, 200U);
    access_.forget();
    clock_.time += 1h;
    EXPECT_EQ(get("/access/me", bearer(secret)).status, 401U);
    const std::string owner = bearer(add_token("root", Role::owner)) + json;
    EXPECT_EQ(request("POST", "/token/add", owner, R"({"name":"old","expires":1})").status, 400U);
}

TEST_F(AccessApiTest, TheFirstEntryOfAnAnonymousCallerIsAnOwner)
{
    const auto refused = post("/token/add", "name=viewer&role=read");
    EXPECT_EQ(refused.status, 409U);
    EXPECT_EQ(post("/cron/add", "cronSet=@daily&command=true").status, 200U);
    EXPECT_EQ(post("/token/add", "name=root&role=owner").status, 200U);
    EXPECT_EQ(post("/token/add", "name=viewer&role=read").status, 401U)
        << "nobody is anonymous now";
    EXPECT_EQ(get("/cron/list").status, 401U);
}

TEST_F(AccessApiTest, WithoutTokensTheRuleForAnonymousCallersCounts)
{
    context_.rules.anonymous = Role::read;
    EXPECT_EQ(get("/cron/list").status, 200U);
    const auto refused = post("/cron/add", "cronSet=@daily&command=true");
    EXPECT_EQ(refused.status, 401U);
    EXPECT_THAT(refused.message(), AllOf(HasSubstr("role admin"), HasSubstr("socket")));
    EXPECT_EQ(post("/account/add", "name=a&password=12345678&role=owner").status, 401U);
}

TEST_F(AccessApiTest, AStoreThatIsAwayOpensNothing)
{
    const std::string secret = add_token("ops", Role::owner);
    tables_.away = true;
    EXPECT_EQ(get("/node/list", bearer(secret)).status, 503U);
    EXPECT_EQ(get("/node/list").status, 200U) << "reading, while it is not known whether anybody "
                                                 "has an account";
    EXPECT_EQ(post("/cron/stop/1", "").status, 401U);
}

TEST_F(AccessApiTest, AStoreThatIsBackIsAskedAtOnceWhetherThereAreAccounts)
{
    access_.forget();
    tables_.away = true;
    EXPECT_EQ(post("/cron/add", "cronSet=@daily&command=true").status, 401U);
    tables_.away = false;
    EXPECT_EQ(post("/cron/add", "cronSet=@daily&command=true").status, 200U);
}

// Accounts and sessions.

TEST_F(AccessApiTest, ASessionIsACookieThatNoScriptReadsAndNoOtherSiteSends)
{
    sign_in_as("ada", "operate");
    const std::string cookie(sign_in("ada", password).header("Set-Cookie"));
    EXPECT_TRUE(cookie.starts_with("peercron="));
    EXPECT_THAT(cookie, AllOf(HasSubstr("; HttpOnly"), HasSubstr("; SameSite=Strict"),
                              HasSubstr("; Path=/"), Not(HasSubstr("Secure"))));
    const std::string secure(
        sign_in("ada", password, "X-Forwarded-Proto: https\r\n").header("Set-Cookie"));
    EXPECT_TRUE(secure.starts_with("__Host-peercron=")) << secure;
    EXPECT_THAT(secure, HasSubstr("; Secure"));
    EXPECT_THAT(tables_.accounts.at(0).password, ::testing::StartsWith("$y$"));
    for (const Session& session : tables_.sessions) {
        EXPECT_THAT(cookie, Not(HasSubstr(session.digest)));
    }
}

TEST_F(AccessApiTest, ASessionChangesThingsByPostFromItsOwnPagesOnly)
{
    const std::string cookie = sign_in_as("ada", "operate");
    const std::string id = std::to_string(insert_job().id);
    EXPECT_EQ(request("GET", "/cron/" + id, cookie).status, 200U);
    EXPECT_EQ(request("GET", "/cron/stop/" + id, cookie + same_origin).status, 403U);
    EXPECT_EQ(request("POST", "/cron/stop/" + id, cookie).status, 403U) << "no origin";
    EXPECT_EQ(
        request("POST", "/cron/stop/" + id, cookie + "Origin: http://evil.example\r\n").status,
        403U);
    EXPECT_EQ(request("POST", "/cron/stop/" + id, cookie + "Sec-Fetch-Site: cross-site\r\n").status,
              403U);
    EXPECT_EQ(request("POST", "/cron/stop/" + id, cookie + same_origin).status, 200U);
}

TEST_F(AccessApiTest, AProxyNamesAnAccountWhoseRoleAndTagsCount)
{
    const std::string cookie = sign_in_as("ada", "operate");
    const std::string named = "X-Remote-User: ada\r\n";
    const auto me = get("/access/me", named);
    EXPECT_EQ(me.status, 200U) << me.body;
    EXPECT_THAT(me.body, AllOf(HasSubstr(R"("ada")"), HasSubstr(R"("operate")"),
                               HasSubstr(R"("proof":"proxy")")));
    tables_.accounts.front().tags = {"web"};
    access_.forget();
    EXPECT_EQ(get("/overview", named).status, 403U) << "is about all jobs";

    const auto unknown = get("/cron/list", "X-Remote-User: eve\r\n");
    EXPECT_EQ(unknown.status, 403U);
    EXPECT_THAT(unknown.message(),
                AllOf(HasSubstr("X-Remote-User"), HasSubstr("eve"), HasSubstr("account add")));
    EXPECT_EQ(get("/cron/list", "X-Remote-User: \r\n").status, 401U)
        << "nobody has signed in there";

    const std::string token = bearer(add_token("script", Role::owner));
    EXPECT_EQ(get("/account/list", named + token).status, 200U) << "a token is shown on purpose";
    EXPECT_THAT(get("/access/me", "X-Remote-User: ada\r\n" + cookie).body, HasSubstr(R"("ada")"));
}

TEST_F(AccessApiTest, AUserNamedByAProxyChangesThingsFromOwnPagesOnly)
{
    sign_in_as("ada", "operate");
    const std::string named = "X-Remote-User: ada\r\n";
    const std::string stop = "/cron/stop/" + std::to_string(insert_job().id);
    EXPECT_EQ(request("GET", stop, named + same_origin).status, 403U);
    EXPECT_EQ(request("POST", stop, named).status, 403U) << "no origin";
    EXPECT_EQ(request("POST", stop, named + "Sec-Fetch-Site: cross-site\r\n").status, 403U);
    EXPECT_EQ(request("POST", stop, named + same_origin).status, 200U);
}

TEST_F(AccessApiTest, ANameThatStandsBesideTheProxysIsNotBelieved)
{
    sign_in_as("ada", "operate");
    sign_in_as("ops", "owner");
    const auto both = get("/cron/list", "X-Remote-User: ops\r\nx-remote-user: ada\r\n");
    EXPECT_EQ(both.status, 400U);
    EXPECT_THAT(both.message(), HasSubstr("more than once"));
}

TEST_F(AccessApiTest, OnlyATrustedProxyIsBelievedAboutWhoSignedIn)
{
    context_.rules.trusted_proxies = {"10.0.0.0/8"};  // the test is not one
    const std::string cookie = sign_in_as("ada", "owner");
    EXPECT_EQ(get("/cron/list", "X-Remote-User: ada\r\n").status, 401U);
    EXPECT_EQ(get("/cron/list",
                  "X-Remote-User: ada\r\nX-Real-IP: 10.0.0.1\r\nX-Forwarded-For: 10.0.0.1\r\n")
                  .status,
              401U);
    EXPECT_EQ(get("/cron/list", "X-Remote-User: eve\r\n" + cookie).status, 200U)
        << "as if it were not there";
}

TEST_F(AccessApiTest, WithoutItsKeyTheHeaderOfAProxyMeansNothing)
{
    context_.rules.user_header = "";
    sign_in_as("ada", "owner");
    EXPECT_EQ(get("/cron/list", "X-Remote-User: ada\r\n").status, 401U);
}

TEST_F(AccessApiTest, UnderHttpsOnlyTheCookieThatNoOtherHostCanSetIsASession)
{
    const std::string cookie = sign_in_as("ada", "operate");
    const std::string https = "X-Forwarded-Proto: https\r\n";
    EXPECT_EQ(get("/access/me", cookie).status, 200U);
    EXPECT_EQ(get("/access/me", https + cookie).status, 401U);
    const std::string secret = cookie.substr(cookie.find('=') + 1);
    EXPECT_EQ(get("/access/me", https + "Cookie: __Host-peercron=" + secret).status, 200U);
    EXPECT_EQ(get("/access/me", "Cookie: __Host-peercron=" + secret).status, 401U);
}

// Accounts that the OpenID provider opens; the conversation with it: tests/cluster/test_oidc.py.

TEST_F(AccessApiTest, AnAccountForSingleSignOnNeedsNoPasswordAndOpensByNone)
{
    const std::string owner = bearer(add_token("root", Role::owner)) + json;
    const auto added =
        request("POST", "/account/add", owner, R"({"name":"ada","role":"operate","sso":true})");
    EXPECT_EQ(added.status, 200U) << added.body;
    EXPECT_EQ(added.data().at("has_password"), false);
    EXPECT_EQ(added.data().at("sso"), true);
    EXPECT_EQ(sign_in("ada", "").status, 401U);
    EXPECT_EQ(sign_in("ada", password).status, 401U);

    tables_.accounts.front().identity = "17 https://id.example";
    const auto kept =
        request("POST", "/account/update", owner, R"({"name":"ada","sso":true,"role":"read"})");
    EXPECT_EQ(kept.data().at("identity"), "17 https://id.example");
    const auto freed = request("POST", "/account/update", owner, R"({"name":"ada","sso":false})");
    EXPECT_EQ(freed.data().at("identity"), "");
    EXPECT_EQ(freed.data().at("sso"), false);
}

TEST_F(AccessApiTest, APersonOfTheProviderHasOneAccountWhateverItsName)
{
    EXPECT_THAT(sign_in_by_provider("17", "ada", std::nullopt), HasSubstr("no account named"));
    EXPECT_EQ(sign_in_by_provider("17", "ada", Role::admin), "ada admin");
    EXPECT_EQ(sign_in_by_provider("17", "lovelace", Role::read), "ada read");
    EXPECT_EQ(sign_in_by_provider("17", "ada", std::nullopt), "ada read") << "as it was";
    EXPECT_THAT(sign_in_by_provider("18", "ada", Role::owner), HasSubstr("another person's"));
    EXPECT_THAT(sign_in_by_provider("17", "ada\n", Role::owner), HasSubstr("403 name: given"));
    ASSERT_EQ(tables_.accounts.size(), 1U);
    tables_.accounts.front().tags = {"web"};
    EXPECT_THAT(sign_in_by_provider("17", "ada", Role::owner), HasSubstr("cannot be"));
    EXPECT_EQ(tables_.accounts.front().role, Role::read);
    EXPECT_EQ(sign_in_by_provider("17", "ada", Role::operate), "ada operate");

    const UserAccount ops = insert_account("ops", Role::owner);
    EXPECT_THAT(sign_in_by_provider("20", "ops", Role::read), HasSubstr("--sso on"));
    EXPECT_EQ(tables_.accounts.back(), ops);
}

TEST_F(AccessApiTest, APersonOfTheProviderWhoIsRefusedChangesNothing)
{
    UserAccount free = insert_account("ada", Role::operate);
    free.sso = true;
    free.tags = {"web"};
    tables_.accounts.back() = free;
    EXPECT_THAT(sign_in_by_provider("17", "ada", Role::owner), HasSubstr("cannot be"));
    EXPECT_EQ(tables_.accounts.back(), free) << "it is nobody's yet";
    EXPECT_EQ(sign_in_by_provider("18", "ada", Role::read), "ada read");
    EXPECT_EQ(tables_.accounts.back().identity, "18 https://id.example");
}

TEST_F(AccessApiTest, ASignInThatChangesNoAccountForgetsNobody)
{
    EXPECT_EQ(sign_in_by_provider("17", "ada", Role::admin), "ada admin");
    const std::string token = bearer(add_token("script", Role::read));
    EXPECT_EQ(get("/access/me", token).status, 200U);
    EXPECT_EQ(sign_in_by_provider("17", "ada", Role::admin), "ada admin");
    tables_.tokens.clear();
    EXPECT_EQ(get("/access/me", token).status, 200U) << "it has just been looked up";
    EXPECT_EQ(sign_in_by_provider("17", "ada", Role::operate), "ada operate");
    EXPECT_EQ(get("/access/me", token).status, 401U);
}

TEST_F(AccessApiTest, WithoutAProviderNobodySignsInByOne)
{
    EXPECT_EQ(get("/session/methods").data().at("oidc"), nullptr);
    EXPECT_EQ(request("POST", "/session/oidc/start", same_origin).status, 404U);
    const auto page = get("/session/oidc/callback?code=x&state=y");
    EXPECT_EQ(page.status, 404U);
    EXPECT_THAT(std::string(page.header("Content-Type")), HasSubstr("text/html"));
    EXPECT_THAT(page.body, HasSubstr("[oidc] issuer"));
}

TEST_F(AccessApiTest, ASignInByTheProviderBelongsToTheBrowserThatBeganIt)
{
    OidcSettings settings;
    settings.issuer = "http://127.0.0.1:1";  // nobody listens there
    settings.client_id = "peercron";
    HttpClient http(io_.get_executor(), {});
    OidcProvider provider(http, clock_, settings);
    context_.oidc = &provider;
    const auto come_back = [this](const std::string& secret, const std::string& state) {
        return get("/session/oidc/callback?code=x&state=" + state,
                   "Cookie: peercron-sign-in=" + secret + "\r\n");
    };
    const std::string own = random_secret();
    const std::vector<std::pair<std::string, std::string>> strange{
        {"", SignInAttempt(own).state()},  {own, SignInAttempt(random_secret()).state()},
        {own, SignInAttempt(own).nonce()}, {own, ""},
        {"", SignInAttempt("").state()},   {"guessed", SignInAttempt("guessed").state()},
    };
    for (const auto& [secret, state] : strange) {
        const auto page = come_back(secret, state);
        EXPECT_EQ(page.status, 403U) << secret << " " << state;
        EXPECT_THAT(page.body, HasSubstr("not begun in this browser"));
    }
    const auto page = come_back(own, SignInAttempt(own).state());
    EXPECT_EQ(page.status, 503U) << "the provider is asked, and away";
    EXPECT_THAT(page.body, HasSubstr("127.0.0.1:1/.well-known"));
    context_.oidc = nullptr;
    http.close();
}

TEST_F(AccessApiTest, ATokenIsNoSessionAndASessionIsNoToken)
{
    const std::string token = add_token("ops", Role::owner);
    EXPECT_EQ(get("/access/me", bearer(token)).status, 200U);
    EXPECT_EQ(get("/access/me", "Cookie: peercron=" + token + "\r\n").status, 401U);
    const std::string cookie = sign_in_as("ada", "owner");
    EXPECT_EQ(get("/access/me", cookie).status, 200U);
    const std::size_t begin = cookie.find('=') + 1;
    const std::string session = cookie.substr(begin, cookie.find('\r') - begin);
    EXPECT_EQ(get("/access/me", bearer(session)).status, 401U);
}

TEST_F(AccessApiTest, ASessionEndsWhenItIsIdleOrOldOrItsPersonWantsIt)
{
    const std::string cookie = sign_in_as("ada", "read");
    const auto status = [&] {
        access_.forget();
        return request("GET", "/access/me", cookie).status;
    };
    clock_.time += 11h;
    EXPECT_EQ(status(), 200U);
    clock_.time += 11h;
    EXPECT_EQ(status(), 200U) << "each use counts";
    clock_.time += 12h;
    EXPECT_EQ(status(), 401U) << "idle";

    const std::string second = sign_in_as("bob", "read");
    for (int i = 0; i < 16; ++i) {
        clock_.time += 10h;
        access_.forget();
        EXPECT_EQ(request("GET", "/access/me", second).status, 200U) << i;
    }
    clock_.time += 10h;
    access_.forget();
    EXPECT_EQ(request("GET", "/access/me", second).status, 401U) << "after a week";

    const std::string third = sign_in_as("eve", "read");
    const auto out = request("POST", "/session/sign-out", third + same_origin);
    EXPECT_EQ(out.status, 200U);
    EXPECT_THAT(std::string(out.header("Set-Cookie")), HasSubstr("Max-Age=0"));
    EXPECT_EQ(request("GET", "/access/me", third).status, 401U);
}

TEST_F(AccessApiTest, ANewPasswordAndADeletionEndTheSessionsOfTheAccount)
{
    const std::string cookie = sign_in_as("ada", "read");
    const auto changed =
        request("POST", "/account/password", cookie + same_origin + json,
                R"({"password":")" + password + R"(","new_password":"staple horse"})");
    EXPECT_EQ(changed.status, 200U) << changed.body;
    EXPECT_EQ(request("GET", "/access/me", cookie).status, 401U);
    EXPECT_EQ(sign_in("ada", password).status, 401U);
    EXPECT_EQ(sign_in("ada", "staple horse").status, 200U);

    const std::string owner = bearer(add_token("root", Role::owner)) + json;
    const std::string other = sign_in_as("bob", "read");
    EXPECT_EQ(request("POST", "/account/update", owner, R"({"name":"bob","role":"admin"})").status,
              200U);
    EXPECT_EQ(request("GET", "/access/me", other).data().at("role"), "admin");
    ASSERT_EQ(request("POST", "/account/delete", owner, R"({"name":"bob"})").status, 200U);
    EXPECT_EQ(request("GET", "/access/me", other).status, 401U);
}

TEST_F(AccessApiTest, WrongPasswordsHaveToWaitAndTellNothing)
{
    sign_in_as("ada", "read");
    const auto wrong = sign_in("ada", "wrong password");
    EXPECT_EQ(wrong.status, 401U);
    EXPECT_EQ(sign_in("nobody", "wrong password").message(), wrong.message());
    EXPECT_EQ(sign_in("ada", "wrong password").status, 401U);
    const auto held_up = sign_in("ada", password);
    EXPECT_EQ(held_up.status, 429U) << "the right one, too";
    EXPECT_FALSE(held_up.header("Retry-After").empty());
}

TEST_F(AccessApiTest, PasswordsAreNotTakenInAUrl)
{
    sign_in_as("ada", "read");
    const auto refused =
        request("POST", "/session/sign-in?name=ada&password=correct+horse+battery");
    EXPECT_EQ(refused.status, 400U);
    EXPECT_THAT(refused.message(), AllOf(HasSubstr("in the body"), Not(HasSubstr("horse"))));
}

TEST_F(AccessApiTest, PasswordsAreNotTakenInPlainFromOtherMachines)
{
    sign_in_as("ada", "read");
    const std::string far = "X-Real-IP: 192.0.2.7\r\n";
    const auto refused = sign_in("ada", password, far);
    EXPECT_EQ(refused.status, 403U);
    EXPECT_THAT(refused.message(), HasSubstr("plain_sign_in"));
    EXPECT_EQ(sign_in("ada", password, far + "X-Forwarded-Proto: https\r\n").status, 200U);
    context_.plain_sign_in = true;
    EXPECT_EQ(sign_in("ada", password, far).status, 200U);
}

TEST_F(AccessApiTest, ABadAccountIsRefusedWithWhatIsAllowed)
{
    const std::string owner = bearer(add_token("root", Role::owner)) + json;
    const auto message = [&](const std::string& fields) {
        const auto reply = request("POST", "/account/add", owner, fields);
        EXPECT_EQ(reply.status, 400U) << fields;
        return reply.message();
    };
    EXPECT_THAT(message(R"({"name":"a b","password":"12345678"})"), HasSubstr("name: given"));
    EXPECT_THAT(message(R"({"name":"a"})"), HasSubstr("password: missing"));
    EXPECT_THAT(message(R"({"name":"a","password":"1234567"})"), HasSubstr("at least 8"));
    EXPECT_THAT(message(R"({"name":"a","password":"12345678","role":"god"})"),
                HasSubstr("one of read, operate, admin, owner"));
    EXPECT_TRUE(tables_.accounts.empty());
}

TEST_F(AccessApiTest, WhatHappenedIsListed)
{
    sign_in_as("ada", "read");
    sign_in("ada", "wrong password");
    const std::string viewer = bearer(add_token("viewer", Role::read));
    EXPECT_EQ(request("POST", "/cron/stop/1", viewer).status, 403U);
    const std::string owner = bearer(add_token("root", Role::owner));
    // The events are written beside the calls.
    for (int i = 0; i < 100 && tables_.events.size() < 4; ++i) get("/health");
    const auto list = request("GET", "/access/list", owner).data().at("list").as_array();
    std::vector<std::string> what;
    for (const auto& event : list) what.emplace_back(event.at("what").as_string());
    EXPECT_THAT(what, ElementsAre("refused", "sign-in refused", "sign-in", "account added"));
    EXPECT_THAT(std::string(list.at(0).at("detail").as_string()), HasSubstr("role read"));

    const std::string job = std::to_string(insert_job().id);
    EXPECT_EQ(request("POST", "/cron/run/" + job, owner).status, 200U);
    for (int i = 0; i < 100 && tables_.events.size() < 5; ++i) get("/health");
    ASSERT_EQ(tables_.events.size(), 5U);
    EXPECT_EQ(tables_.events.back().what, "run now");
    EXPECT_EQ(tables_.events.back().who, "root");

    const auto until = to_unix_millis(clock_.time + 1h) / 1000;
    const std::string stop = fmt::format("/cron/stop/{}?until={}&reason=tests", job, until);
    EXPECT_EQ(request("POST", stop, owner).status, 200U);
    for (int i = 0; i < 100 && tables_.events.size() < 6; ++i) get("/health");
    ASSERT_EQ(tables_.events.size(), 6U);
    EXPECT_EQ(tables_.events.back().what, "paused");
    EXPECT_THAT(tables_.events.back().detail, AllOf(HasSubstr(job), HasSubstr("(tests)")));
    EXPECT_EQ(request("POST", "/cron/start/" + job, owner).status, 200U);
    for (int i = 0; i < 100 && tables_.events.size() < 7; ++i) get("/health");
    ASSERT_EQ(tables_.events.size(), 7U);
    EXPECT_EQ(tables_.events.back().what, "pause ended");
}

TEST_F(AccessApiTest, OnlyTheAddressesThatAreAllowedMayCall)
{
    context_.rules.allow = {"10.0.0.0/8"};
    const auto refused = get("/health");
    EXPECT_EQ(refused.status, 403U);
    EXPECT_THAT(refused.message(), HasSubstr("[http] allow"));
    EXPECT_EQ(get("/health", "X-Real-IP: 10.1.2.3\r\n").status, 200U);
}

}  // namespace
}  // namespace peercron
