#include "integration/store/store_fixture.hpp"
#include "store/account_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

// What the part of every store that is about who may call promises (store/account_store.hpp).

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::t0;

class AccountStoreTest : public testing::StoreFixture {
protected:
    AccountStore& accounts() { return store_->accounts(); }

    UserAccount add_account(const std::string& name)
    {
        UserAccount account;
        account.name = name;
        account.password = "$y$j9T$it's\\a$hash";
        account.role = Role::operate;
        account.tags = {"web", "über uns"};
        account.created_at = t0;
        return accounts().add_account(account);
    }

    AccessToken add_token(const std::string& name, const std::string& digest)
    {
        AccessToken token;
        token.name = name;
        token.digest = digest;
        token.role = Role::owner;
        token.created_at = t0;
        token.created_by = "ada at 10.0.0.3 'x'";
        token.expires_at = t0 + 1h;
        return accounts().add_token(token);
    }

    Session add_session(const std::string& digest, const UserAccount& account, WallTime at)
    {
        const Session session{digest, account.id, at, at};
        accounts().add_session(session);
        return session;
    }
};

TEST_P(AccountStoreTest, AccountsComeBackAsTheyWereByName)
{
    EXPECT_TRUE(accounts().is_empty());
    UserAccount bob = add_account("bob");
    const UserAccount ada = add_account("ada");
    EXPECT_FALSE(accounts().is_empty());
    EXPECT_THAT(accounts().accounts(), ElementsAre(ada, bob));
    EXPECT_EQ(accounts().find_account("bob"), bob);
    EXPECT_EQ(accounts().find_account("BOB"), std::nullopt) << "names are as they are written";
    EXPECT_EQ(accounts().find_account("' OR 1=1 --"), std::nullopt);
    EXPECT_THROW(add_account("ada"), NameTaken);
    bob.role = Role::admin;
    bob.tags.clear();
    bob.password = "$y$another";
    EXPECT_TRUE(accounts().update_account(bob));
    EXPECT_TRUE(accounts().update_account(bob)) << "again, as it is";
    EXPECT_EQ(accounts().find_account("bob"), bob);
    EXPECT_TRUE(accounts().delete_account(bob.id));
    EXPECT_FALSE(accounts().delete_account(bob.id));
    EXPECT_FALSE(accounts().update_account(bob));
    EXPECT_THAT(accounts().accounts(), ElementsAre(ada));
}

TEST_P(AccountStoreTest, TokensAreFoundByTheirDigests)
{
    AccessToken token = add_token("deploy", std::string(64, 'a'));
    add_token("backup", std::string(64, 'b'));
    EXPECT_FALSE(accounts().is_empty());
    EXPECT_THAT(accounts().tokens(), SizeIs(2));
    EXPECT_EQ(accounts().find_token(std::string(64, 'a')), token);
    EXPECT_EQ(accounts().find_token(std::string(64, 'c')), std::nullopt);
    EXPECT_THROW(add_token("deploy", std::string(64, 'd')), NameTaken);
    accounts().note_token_use(token.id, t0 + 5s);
    token.used_at = t0 + 5s;
    EXPECT_EQ(accounts().find_token(std::string(64, 'a')), token);
    EXPECT_TRUE(accounts().delete_token(token.id));
    EXPECT_FALSE(accounts().delete_token(token.id));
    EXPECT_EQ(accounts().find_token(std::string(64, 'a')), std::nullopt);
}

TEST_P(AccountStoreTest, ASessionIsThatOfItsAccount)
{
    const UserAccount ada = add_account("ada");
    Session session = add_session("one", ada, t0);
    auto found = accounts().find_session("one");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->session, session);
    EXPECT_EQ(found->account.name, "ada");
    EXPECT_EQ(found->account.signed_in_at, t0);
    accounts().note_session_use("one", t0 + 1h);
    EXPECT_EQ(accounts().find_session("one")->session.used_at, t0 + 1h);
    EXPECT_TRUE(accounts().delete_session("one"));
    EXPECT_FALSE(accounts().delete_session("one"));
    EXPECT_FALSE(accounts().find_session("one"));
}

TEST_P(AccountStoreTest, SessionsEndWithAnotherPasswordAndWithTheAccount)
{
    UserAccount ada = add_account("ada");
    const UserAccount bob = add_account("bob");
    add_session("one", ada, t0);
    add_session("two", bob, t0);
    ada.role = Role::read;
    accounts().update_account(ada);
    EXPECT_EQ(accounts().find_session("one")->account.role, Role::read) << "it goes on";
    ada.password = "$y$another";
    accounts().update_account(ada);
    EXPECT_FALSE(accounts().find_session("one"));
    EXPECT_TRUE(accounts().find_session("two"));
    accounts().delete_account(bob.id);
    EXPECT_FALSE(accounts().find_session("two"));
}

TEST_P(AccountStoreTest, AnAccountBelongsToTheFirstWhomTheProviderSignsIn)
{
    const std::string ada_there = "it's 17 https://id.example";
    UserAccount ada = add_account("ada");
    EXPECT_FALSE(accounts().bind_account(ada.id, ada_there, {}))
        << "it opens by its password alone";
    ada.sso = true;
    EXPECT_TRUE(accounts().update_account(ada));
    EXPECT_FALSE(accounts().find_account_of("")) << "that of nobody yet";
    EXPECT_FALSE(accounts().find_account_of(ada_there));
    EXPECT_TRUE(accounts().bind_account(ada.id, ada_there, {}));
    EXPECT_TRUE(accounts().bind_account(ada.id, ada_there, {})) << "again, as it is";
    EXPECT_FALSE(accounts().bind_account(ada.id, "IT'S 17 https://id.example", Role::owner));
    ada.identity = ada_there;
    EXPECT_EQ(accounts().find_account_of(ada_there), ada);
    EXPECT_FALSE(accounts().find_account_of("IT'S 17 https://id.example"));

    UserAccount made;
    made.name = "bob";
    made.sso = true;
    made.identity = "18 https://id.example";
    made.created_at = t0;
    made = accounts().add_account(made);
    EXPECT_EQ(accounts().find_account_of("18 https://id.example"), made);

    add_session("one", ada, t0);
    EXPECT_TRUE(accounts().bind_account(ada.id, ada_there, Role::admin));
    EXPECT_EQ(accounts().find_session("one")->account.role, Role::admin) << "it goes on";
    ada.sso = false;
    ada.identity.clear();
    EXPECT_TRUE(accounts().update_account(ada));
    EXPECT_FALSE(accounts().find_session("one")) << "whoever the provider signed in is out";
    EXPECT_FALSE(accounts().find_account_of(ada_there));
}

TEST_P(AccountStoreTest, SessionsThatAreOverGoWithTheNextOne)
{
    const UserAccount ada = add_account("ada");
    add_session("idle", ada, t0);
    add_session("used", ada, t0);
    accounts().note_session_use("used", t0 + 12h);
    add_session("new", ada, t0 + Session::idle_limit + 1s);
    EXPECT_FALSE(accounts().find_session("idle"));
    EXPECT_TRUE(accounts().find_session("used"));
    accounts().note_session_use("used", t0 + Session::longest_life);
    add_session("newest", ada, t0 + Session::longest_life + 1s);
    EXPECT_FALSE(accounts().find_session("used"));
}

TEST_P(AccountStoreTest, EventsAreListedNewestFirst)
{
    EXPECT_THAT(accounts().events({}).events, IsEmpty());
    for (int i = 0; i < 3; ++i) {
        accounts().add_event({0, t0 + i * 1s, "sign-in", std::string(300, 'x'), "::1", "it's\\é"});
    }
    const AccessEventPage page = accounts().events({1, 1});
    EXPECT_EQ(page.total, 3);
    ASSERT_THAT(page.events, SizeIs(1));
    EXPECT_EQ(page.events[0].at, t0 + 1s);
    EXPECT_EQ(page.events[0].who, std::string(255, 'x')) << "as much as there is room for";
    EXPECT_EQ(page.events[0].detail, "it's\\é");
}

TEST_P(AccountStoreTest, ListsCanBeLimitedToTheJobsWithSomeTags)
{
    const auto add_job = [this](std::vector<std::string> tags) {
        Job job;
        job.cron_set = "* * * * *";
        job.command = "true";
        job.tags = std::move(tags);
        job = store_->add_job(job, t0);
        return job.id;
    };
    store_->begin_term(1, testing::node_1);
    const JobId web = add_job({"web", "daily"});
    const JobId both = add_job({"db", "it's"});
    const JobId other = add_job({"webshop"});
    const JobId none = add_job({});
    for (const JobId job : {web, both, other, none}) {
        store_->commit(testing::step(1, t0, {testing::planned(job, t0)}));
        store_->record(std::vector{testing::report({job, t0, 1}, RunState::success)});
    }
    JobFilter jobs;
    jobs.any_tag = {"web", "it's"};
    std::vector<JobId> ids;
    for (const Job& job : store_->job_page(jobs, {}, {})) ids.push_back(job.id);
    EXPECT_THAT(ids, ElementsAre(web, both));
    EXPECT_EQ(store_->count_jobs(jobs).rows, 2);
    jobs.order = JobOrder::name;
    EXPECT_THAT(store_->job_page(jobs, {}, {}), SizeIs(2));
    LogFilter log;
    log.any_tag = {"web", "it's"};
    ids.clear();
    for (const LogRow& row : testing::log_rows(*store_, log)) ids.push_back(row.run.id.job);
    EXPECT_THAT(ids, ElementsAre(both, web));
    EXPECT_EQ(testing::count_log(*store_, log).rows, 2);
    log.cron_id = other;
    EXPECT_THAT(testing::log_rows(*store_, log), IsEmpty());
    log.cron_id.reset();
    const auto rows_of = [&](const std::string& tag) {
        log.tag = tag;
        const auto rows = testing::log_rows(*store_, log);
        EXPECT_EQ(testing::count_log(*store_, log).rows, std::ssize(rows)) << tag;
        std::vector<JobId> found;
        for (const LogRow& row : rows) found.push_back(row.run.id.job);
        return found;
    };
    EXPECT_THAT(rows_of("daily"), ElementsAre(web));
    EXPECT_THAT(rows_of("web"), ElementsAre(web));
    EXPECT_THAT(rows_of("it's"), ElementsAre(both));
    EXPECT_THAT(rows_of("webshop"), IsEmpty()) << "of a job that is out of reach";
    log.any_tag.clear();
    EXPECT_THAT(rows_of("webshop"), ElementsAre(other));
    EXPECT_THAT(rows_of("none"), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Conformance, AccountStoreTest, ::testing::ValuesIn(testing::store_kinds()),
                         testing::name_of);

}  // namespace
}  // namespace peercron
