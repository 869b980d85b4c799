#include "exec/output_desk.hpp"

#include "base/event.hpp"
#include "run_coroutine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <exception>
#include <string>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class OutputDeskTest : public ::testing::Test {
protected:
    OutputAsk ask(std::int64_t from, std::chrono::milliseconds wait)
    {
        return {7, RunId{1, {}, 1}, from, 65536, wait};
    }

    OutputPart read(std::int64_t from, std::size_t most)
    {
        OutputPart part;
        part.is_there = is_there_;
        part.from = from;
        part.total = static_cast<std::int64_t>(output_.size());
        part.bytes = output_.substr(static_cast<std::size_t>(from), most);
        return part;
    }

    asio::awaitable<void> answer_into(OutputPiece& piece, OutputAsk ask)
    {
        piece = co_await desk_.answer(ask);
    }

    asio::awaitable<void> write_soon(std::string output)
    {
        co_await sleep_for(150ms);
        output_ += output;
    }

    OutputPiece answer(OutputAsk ask)
    {
        OutputPiece piece;
        testing::run(io_, answer_into(piece, ask));
        return piece;
    }

    asio::io_context io_{1};
    bool is_there_ = true;
    std::string output_ = "0123456789";
    OutputDesk desk_{
        [this](const RunId&, std::int64_t from, std::size_t most) { return read(from, most); }};
};

TEST_F(OutputDeskTest, AnswersAtOnceWithWhatThereIs)
{
    const OutputPiece piece = answer(ask(4, 10s));
    EXPECT_EQ(piece.request, 7U);
    EXPECT_EQ(piece.part.bytes, "456789");
    EXPECT_EQ(desk_.waiting(), 0U);
}

TEST_F(OutputDeskTest, WaitsForWhatIsYetToCome)
{
    asio::co_spawn(io_, write_soon("new"), [](const std::exception_ptr&) {});
    EXPECT_EQ(answer(ask(10, 10s)).part.bytes, "new");
}

TEST_F(OutputDeskTest, ItsWaitEndsWithoutAny)
{
    EXPECT_THAT(answer(ask(10, 150ms)).part.bytes, IsEmpty());
    EXPECT_THAT(answer(ask(10, 0ms)).part.bytes, IsEmpty());
}

TEST_F(OutputDeskTest, DoesNotWaitForARunThatIsNotThere)
{
    is_there_ = false;
    EXPECT_FALSE(answer(ask(10, 10s)).part.is_there);
}

TEST_F(OutputDeskTest, GivesNoMoreThan64KiBAtATime)
{
    output_.assign(1'000'000, 'x');
    OutputAsk greedy = ask(0, 0ms);
    greedy.most = 4'000'000'000;
    EXPECT_EQ(answer(greedy).part.bytes.size(), 65536U);
}

TEST_F(OutputDeskTest, RefusesMoreThatWaitThanItHasRoomFor)
{
    for (int i = 0; i < 2000; ++i) {
        asio::co_spawn(io_, desk_.answer(ask(10, 300ms)),
                       [](const std::exception_ptr&, const OutputPiece&) {});
    }
    const OutputPiece piece = answer(ask(10, 300ms));
    EXPECT_THAT(piece.error, HasSubstr("2000 readers wait"));
    EXPECT_EQ(answer(ask(4, 0ms)).error, "");  // when they have gone
}

}  // namespace
}  // namespace peercron
