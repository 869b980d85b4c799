#include "cli/follow_book.hpp"

#include "cli/answer_fields.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

boost::json::value row(std::int64_t id, const char* state)
{
    return boost::json::object{{"id", id}, {"state", state}};
}

std::vector<std::int64_t> ids(const FollowBook::Rows& rows)
{
    std::vector<std::int64_t> found;
    for (const auto& one : rows) found.push_back(AnswerFields(one).number_or("id", 0));
    return found;
}

TEST(FollowBook, NewRowsThatHaveEndedAreShownAndTheOthersWatched)
{
    FollowBook book;
    book.begin(10);
    const auto ended = book.add_new({row(11, "success"), row(12, "planned"), row(13, "skipped")});
    EXPECT_THAT(ids(ended), ElementsAre(11, 13));
    EXPECT_EQ(book.watermark(), 13);
    EXPECT_THAT(book.open(), ElementsAre(12));
}

TEST(FollowBook, ARowIsShownOnceWhenItHasEnded)
{
    FollowBook book;
    book.add_new({row(1, "planned"), row(2, "running")});
    const std::vector<std::int64_t> asked = book.open();
    EXPECT_THAT(ids(book.add_watched(asked, {row(2, "failed"), row(1, "running")})),
                ElementsAre(2));
    EXPECT_THAT(book.open(), ElementsAre(1));
    EXPECT_THAT(ids(book.add_watched(asked, {row(2, "failed"), row(1, "success")})),
                ElementsAre(1));
    EXPECT_THAT(book.open(), IsEmpty());
}

TEST(FollowBook, RowsAreNotShownAgainWhenTheyComeAgain)
{
    FollowBook book;
    EXPECT_THAT(ids(book.add_new({row(1, "success")})), ElementsAre(1));
    EXPECT_THAT(ids(book.add_new({row(1, "success"), row(2, "success")})), ElementsAre(2));
}

TEST(FollowBook, WhatWasOpenWhenItBeganIsWatchedUpToTheWatermark)
{
    FollowBook book;
    book.begin(5);
    book.watch({row(7, "planned"), row(4, "running"), row(3, "success")});
    EXPECT_THAT(book.open(), ElementsAre(4));
    EXPECT_THAT(ids(book.add_new({row(6, "planned"), row(7, "planned")})), IsEmpty());
    EXPECT_THAT(book.open(), ElementsAre(4, 6, 7));
}

TEST(FollowBook, ADeletedRowIsForgotten)
{
    FollowBook book;
    book.add_new({row(1, "planned"), row(2, "planned")});
    const std::vector<std::int64_t> asked{1};
    EXPECT_THAT(ids(book.add_watched(asked, {})), IsEmpty());
    EXPECT_THAT(book.open(), ElementsAre(2));
}

TEST(FollowBook, AStateOfANewerNodeIsTakenForAnEnd)
{
    FollowBook book;
    EXPECT_THAT(ids(book.add_new({row(1, "evaporated")})), ElementsAre(1));
}

}  // namespace
}  // namespace peercron
