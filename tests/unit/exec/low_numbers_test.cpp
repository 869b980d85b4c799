#include "exec/low_numbers.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <optional>

namespace peercron {
namespace {

class LowNumbersTest : public ::testing::Test {
protected:
    LowNumbersTest()
    {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
        reading_ = FileDescriptor(ends[0]);
        // As beside many runs.
        writing_ = FileDescriptor(::fcntl(ends[1], F_DUPFD_CLOEXEC, 200));
        ::close(ends[1]);
    }

    bool has_ended() const
    {
        pollfd end{reading_.get(), 0, 0};
        return ::poll(&end, 1, 0) == 1 && (end.revents & POLLHUP) != 0;
    }

    FileDescriptor null_{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    LowNumbers numbers_{null_.get(), 2};
    FileDescriptor reading_;
    FileDescriptor writing_;
};

TEST_F(LowNumbersTest, ALoanIsTheSameUnderALowNumber)
{
    std::optional<LowNumbers::Loan> loan(std::in_place, numbers_, writing_.get());
    EXPECT_LT(loan->get(), 100);
    EXPECT_EQ(::fcntl(loan->get(), F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(::write(loan->get(), "x", 1), 1);
    char read = 0;
    EXPECT_EQ(::read(reading_.get(), &read, 1), 1);

    writing_.close();
    EXPECT_FALSE(has_ended());
    const int number = loan->get();
    loan.reset();
    EXPECT_TRUE(has_ended());
    EXPECT_EQ(::fcntl(number, F_GETFD), FD_CLOEXEC) << "nobody else gets the number";
}

TEST_F(LowNumbersTest, WhenNoneIsLeftItIsTheDescriptorsOwn)
{
    const LowNumbers::Loan first(numbers_, writing_.get());
    {
        const LowNumbers::Loan second(numbers_, writing_.get());
        const LowNumbers::Loan third(numbers_, writing_.get());
        EXPECT_NE(first.get(), second.get());
        EXPECT_EQ(third.get(), writing_.get());
    }
    const LowNumbers::Loan again(numbers_, writing_.get());
    EXPECT_LT(again.get(), 100);
}

}  // namespace
}  // namespace peercron
