#include "exec/http_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace peercron {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

RunOrder order_of(Job job)
{
    job.kind = JobKind::http;
    if (job.http_url.empty()) job.http_url = "http://example.com/{{job}}";
    RunOrder order;
    order.id = {12, from_unix_millis(1'795'219'200'000), 2};
    order.fields = NodeFields::of(job);
    return order;
}

HttpAnswer answer_of(int status)
{
    HttpAnswer answer;
    answer.end = HttpAnswer::End::whole;
    answer.status = status;
    answer.version = "HTTP/1.1";
    answer.headers = "HTTP/1.1 " + std::to_string(status) + " Words\nA: b\n";
    return answer;
}

TEST(HttpRequestOf, FillsWhatTheJobSays)
{
    Job job;
    job.http_headers = {"X-At: {{scheduled_at}}"};
    job.http_body = "attempt {{attempt}}";
    job.http_redirects = 2;
    job.http_verify = false;
    const HttpRequest request = http_request_of(order_of(job));

    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.url, "http://example.com/12");
    EXPECT_THAT(request.headers, ElementsAre("X-At: 2026-11-21T00:00:00.000Z",
                                             "Idempotency-Key: peercron-12-1795219200000"));
    EXPECT_EQ(request.body, "attempt 2");
    EXPECT_EQ(request.redirects, 2);
    EXPECT_FALSE(request.verify);
    EXPECT_EQ(request.timeout.count(), 0) << "that is RunBook's";
}

TEST(HttpRequestOf, TheKeyIsThatOfTheFire)
{
    RunOrder first = order_of({});
    RunOrder second = first;
    ++second.id.attempt;
    EXPECT_EQ(http_request_of(first).headers, http_request_of(second).headers);
    second.id.scheduled_at += std::chrono::seconds(1);
    EXPECT_NE(http_request_of(first).headers, http_request_of(second).headers);
}

TEST(HttpRequestOf, ARehearsalSaysSo)
{
    RunOrder order = order_of({});
    order.rehearsal = true;
    EXPECT_THAT(http_request_of(order).headers, Contains("Peercron-Rehearsal: 1"));
    order.rehearsal = false;
    EXPECT_THAT(http_request_of(order).headers, Not(Contains(HasSubstr("Rehearsal"))));
}

TEST(HttpRequestOf, AKeyOfTheJobsOwnStands)
{
    Job job;
    job.http_headers = {"idempotency-key: mine"};
    EXPECT_THAT(http_request_of(order_of(job)).headers, ElementsAre("idempotency-key: mine"));
}

TEST(TextSearch, FindsATextThatComesInPieces)
{
    for (std::size_t cut = 0; cut <= 9; ++cut) {
        const std::string whole = "abneedlec";
        TextSearch search("needle");
        search.see(whole.substr(0, cut));
        search.see(whole.substr(cut));
        EXPECT_TRUE(search.is_found()) << cut;
    }
    TextSearch by_byte("aab");
    for (const char c : std::string("aaab")) by_byte.see(std::string(1, c));
    EXPECT_TRUE(by_byte.is_found());
}

TEST(TextSearch, FindsNothingThatIsNotThere)
{
    TextSearch search("needle");
    for (int i = 0; i < 100; ++i) search.see("need");
    search.see("le");  // "needneedle"
    EXPECT_TRUE(search.is_found());
    TextSearch other("ab");
    other.see("a");
    other.see("");
    other.see("cb");
    EXPECT_FALSE(other.is_found());
    EXPECT_TRUE(TextSearch("").is_found());
}

TEST(Judge, SuccessIsTheStatusAndTheText)
{
    Job job;
    EXPECT_EQ(judge(answer_of(204), job, true).state, RunState::success);
    EXPECT_EQ(judge(answer_of(404), job, true).reason.detail,
              "the answer was 404 Words; expected was 200-299");
    job.http_expect = {"404", "500-599"};
    EXPECT_EQ(judge(answer_of(404), job, true).state, RunState::success);
    EXPECT_EQ(judge(answer_of(200), job, true).reason.detail,
              "the answer was 200 Words; expected was 404,500-599");
    job.http_expect_text = "fine";
    const HttpVerdict verdict = judge(answer_of(404), job, false);
    EXPECT_EQ(verdict.state, RunState::failed);
    EXPECT_EQ(verdict.reason.detail, "the answer does not have the text \"fine\"");
}

TEST(Judge, AFailureIsWhatTheClientSays)
{
    HttpAnswer answer;
    answer.failure = "connection refused by 10.0.0.1:80";
    const HttpVerdict verdict = judge(answer, {}, true);
    EXPECT_EQ(verdict.state, RunState::failed);
    EXPECT_EQ(verdict.reason.detail, answer.failure);
}

TEST(Judge, WhatWasNotSentBecauseTheNodeWasFrozenIsFenced)
{
    HttpAnswer answer;
    answer.end = HttpAnswer::End::not_sent;
    const HttpVerdict verdict = judge(answer, {}, true);
    EXPECT_EQ(verdict.state, RunState::fenced);
    EXPECT_EQ(verdict.reason.cause, Cause::node_isolated);
}

TEST(HeadOfOutput, SaysWhereTheTimeWent)
{
    HttpAnswer answer = answer_of(200);
    answer.peer = "10.0.0.1:443";
    answer.times.connect = std::chrono::milliseconds(2);
    answer.times.wait = std::chrono::milliseconds(100);
    answer.times.total = std::chrono::milliseconds(105);
    answer.redirects = 1;
    answer.url = "http://b/";
    EXPECT_EQ(head_of_output(answer),
              "HTTP/1.1 200 from 10.0.0.1:443 in 0.105 s (connect 0.002 s, wait 0.100 s), after 1 "
              "redirect to http://b/\nHTTP/1.1 200 Words\nA: b\n\n");
}

}  // namespace
}  // namespace peercron
