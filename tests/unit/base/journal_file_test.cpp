#include "base/journal_file.hpp"

#include "integration/store/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr JournalKind reports{1};
constexpr JournalKind steps{2};

std::string contents(const std::filesystem::path& path)
{
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void write(const std::filesystem::path& path, std::string_view bytes)
{
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

/// As long as it lives no file may become larger: writes beyond are cut short, then refused, which
/// is what a full disk does.
class FullDisk {
public:
    explicit FullDisk(std::uint64_t bytes)
    {
        getrlimit(RLIMIT_FSIZE, &before_);
        handler_ = std::signal(SIGXFSZ, SIG_IGN);
        rlimit limit = before_;
        limit.rlim_cur = bytes;
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    FullDisk(const FullDisk&) = delete;
    FullDisk& operator=(const FullDisk&) = delete;
    ~FullDisk()
    {
        setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }

private:
    rlimit before_{};
    void (*handler_)(int) = nullptr;
};

class JournalFileTest : public ::testing::Test {
protected:
    JournalFile open()
    {
        auto file = JournalFile::open(settings_);
        EXPECT_TRUE(file) << file.error().message;
        return std::move(*file);
    }
    static std::vector<JournalSequence> append(JournalFile& file, std::vector<std::string> texts,
                                               JournalKind kind = reports)
    {
        auto sequences = file.append(kind, texts);
        EXPECT_TRUE(sequences) << sequences.error().message;
        return std::move(*sequences);
    }
    static std::vector<std::string> texts(const JournalFile& file, JournalKind kind = reports)
    {
        std::vector<std::string> found;
        for (const JournalEntry& entry : file.entries(kind)) {
            found.push_back(file.read(entry.sequence).value());
            EXPECT_EQ(found.back().size(), entry.size);
        }
        return found;
    }
    std::filesystem::path beside(const std::string& suffix) const
    {
        return settings_.path.string() + suffix;
    }

    testing::TemporaryFolder folder_;
    JournalSettings settings_{folder_.path() / "state" / "journal", 64U << 20U};
};

TEST_F(JournalFileTest, HasAfterARestartWhatWasAppended)
{
    const std::string large(300'000, 'x');
    {
        JournalFile file = open();
        append(file, {"one", ""});
        append(file, {"a step"}, steps);
        append(file, {large});
    }
    const JournalFile file = open();
    EXPECT_THAT(texts(file), ElementsAre("one", "", large));
    EXPECT_THAT(texts(file, steps), ElementsAre("a step"));
    EXPECT_EQ(file.records(), 4U);
    EXPECT_EQ(file.bytes(), contents(settings_.path).size());
    EXPECT_EQ(file.found().torn + file.found().damaged, 0U);
}

TEST_F(JournalFileTest, ReadsAFileOfTheFirstVersion)
{
    // Made by another program: the head, then record 42 of kind 7 with the text "123456789".
    const std::string hex =
        "706565726a726e6c0100000013c2439f97004a92839206e30900000007000000"
        "2a00000000000000313233343536373839";
    std::string bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    }
    std::filesystem::create_directories(settings_.path.parent_path());
    write(settings_.path, bytes);
    JournalFile file = open();
    EXPECT_THAT(texts(file, JournalKind{7}), ElementsAre("123456789"));
    EXPECT_THAT(append(file, {"next"}), ElementsAre(43U));
}

TEST_F(JournalFileTest, IsForItsUserAlone)
{
    const JournalFile file = open();
    struct stat status {};
    ASSERT_EQ(stat(settings_.path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    ASSERT_EQ(stat(settings_.path.parent_path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0700U);
}

TEST_F(JournalFileTest, BelongsToOneAtATimeAlsoAfterItWasWrittenAnew)
{
    JournalFile file = open();
    const std::string large(2U << 20U, 'x');
    const auto first = append(file, {large});
    append(file, {"two"});
    const auto inode = [this] {
        struct stat status {};
        stat(settings_.path.c_str(), &status);
        return status.st_ino;
    };
    const auto before = inode();
    ASSERT_TRUE(file.remove(first));
    ASSERT_NE(inode(), before);
    const auto second = JournalFile::open(settings_);
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error().message, HasSubstr("another process has it"));
}

TEST_F(JournalFileTest, OfATornWriteKeepsTheWholeRecords)
{
    std::uint64_t whole = 0;
    {
        JournalFile file = open();
        append(file, {"one", "two"});
        whole = file.bytes();
        append(file, {"the third, which is torn"});
    }
    const std::string all = contents(settings_.path);
    for (std::size_t size = whole; size < all.size(); ++size) {
        write(settings_.path, all.substr(0, size));
        {
            JournalFile file = open();
            ASSERT_THAT(texts(file), ElementsAre("one", "two")) << size;
            ASSERT_EQ(file.found().torn, size - whole);
            ASSERT_EQ(file.found().damaged, 0U) << size;
            append(file, {"new"});
        }
        ASSERT_THAT(texts(open()), ElementsAre("one", "two", "new")) << size;
    }
    EXPECT_FALSE(std::filesystem::exists(beside(".damaged")));
}

TEST_F(JournalFileTest, TakesZerosAtTheEndForATornWrite)
{
    {
        JournalFile file = open();
        append(file, {"one"});
    }
    write(settings_.path, contents(settings_.path) + std::string(200'000, '\0'));
    const JournalFile file = open();
    EXPECT_THAT(texts(file), ElementsAre("one"));
    EXPECT_EQ(file.found().torn, 200'000U);
    EXPECT_EQ(file.found().damaged, 0U);
}

TEST_F(JournalFileTest, IsNeverEmptiedByAHeadThatIsCutShort)
{
    {
        open();
    }
    const std::string head = contents(settings_.path);
    for (std::size_t size = 0; size < head.size(); ++size) {
        write(settings_.path, head.substr(0, size));
        {
            JournalFile file = open();
            append(file, {"one"});
        }
        ASSERT_THAT(texts(open()), ElementsAre("one")) << size;
    }
}

TEST_F(JournalFileTest, AFlippedBitAnywhereCostsAtMostTheRecordsBehindItAndNeverTheStart)
{
    {
        JournalFile file = open();
        append(file, {"first", "second", "third"});
    }
    const std::string all = contents(settings_.path);
    constexpr std::size_t file_head = 16;
    constexpr std::size_t record_head = 24;
    const std::vector<std::string> whole{"first", "second", "third"};
    for (std::size_t byte = 0; byte < all.size(); ++byte) {
        const std::size_t bit = byte * 8 + byte % 8;
        std::string flipped = all;
        flipped[byte] = static_cast<char>(flipped[byte] ^ (1U << (bit % 8)));
        write(settings_.path, flipped);
        std::filesystem::remove(beside(".damaged"));
        std::vector<std::string> expected;
        std::size_t begin = file_head;
        bool is_readable = byte >= file_head;
        for (const std::string& text : whole) {
            const std::size_t payload = begin + record_head;
            const std::size_t end = payload + text.size();
            const bool is_hit = byte >= begin && byte < end;
            if (is_hit && byte < payload) is_readable = false;
            if (is_readable && !is_hit) expected.push_back(text);
            begin = end;
        }
        {
            const JournalFile file = open();
            ASSERT_EQ(texts(file), expected) << "bit " << bit;
            ASSERT_GT(file.found().damaged, 0U) << "bit " << bit;
            ASSERT_EQ(file.found().damage_kept_in, beside(".damaged"));
        }
        ASSERT_THAT(contents(beside(".damaged")), Not(IsEmpty()));
        const JournalFile again = open();
        ASSERT_EQ(texts(again), expected) << "bit " << bit;
        ASSERT_EQ(again.found().damaged, 0U) << "bit " << bit;
    }
}

TEST_F(JournalFileTest, OfDamageThatHappensWhileItIsOpenTheReaderIsTold)
{
    JournalFile file = open();
    const auto sequences = append(file, {"first", "second"});
    std::fstream(settings_.path, std::ios::in | std::ios::out).seekp(16 + 24) << 'F';
    EXPECT_THAT(file.read(sequences[0]).error().message, HasSubstr("was damaged"));
    EXPECT_EQ(file.read(sequences[1]).value(), "second");
}

TEST_F(JournalFileTest, NoBytesKeepItFromOpening)
{
    {
        open();
    }
    std::minstd_rand random(1);
    for (int round = 0; round < 300; ++round) {
        std::string bytes = round % 2 == 0 ? "" : contents(settings_.path);
        const std::size_t length = random() % 300;
        for (std::size_t i = 0; i < length; ++i) bytes.push_back(static_cast<char>(random()));
        write(settings_.path, bytes);
        {
            JournalFile file = open();
            append(file, {"after"});
        }
        ASSERT_THAT(texts(open()), ::testing::Contains("after"));
    }
}

TEST_F(JournalFileTest, AFileOfAnotherKindIsSetAside)
{
    std::filesystem::create_directories(settings_.path.parent_path());
    write(settings_.path, "something of great value to somebody");
    JournalFile file = open();
    EXPECT_THAT(texts(file), IsEmpty());
    append(file, {"one"});
    EXPECT_EQ(contents(beside(".damaged")), "something of great value to somebody");
}

TEST_F(JournalFileTest, BeyondItsLimitNothingIsAppendedAndWhatIsThereStays)
{
    settings_.limit = 240;
    JournalFile file = open();
    const auto first = append(file, {std::string(50, 'a')});
    append(file, {std::string(50, 'b')});
    const std::uint64_t before = file.bytes();
    const std::vector<std::string> more{"c", std::string(50, 'd')};
    const auto refused = file.append(reports, more);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("limit of 240"));
    EXPECT_EQ(contents(settings_.path).size(), before);
    append(file, {"small"});
    ASSERT_TRUE(file.remove(first));
    EXPECT_TRUE(file.append(reports, more)) << "what was removed makes room";
    EXPECT_LE(contents(settings_.path).size(), settings_.limit);
    EXPECT_THAT(texts(file), SizeIs(4));
}

TEST_F(JournalFileTest, OnAFullDiskNothingIsAppendedAndWhatIsThereStays)
{
    JournalFile file = open();
    append(file, {"one"});
    const std::uint64_t before = file.bytes();
    const std::vector<std::string> more{"small", std::string(1000, 'x')};
    {
        const FullDisk disk(before + 100);
        const auto refused = file.append(reports, more);
        ASSERT_FALSE(refused);
        EXPECT_THAT(refused.error().message,
                    HasSubstr(settings_.path.string() + ": cannot append 1053 bytes"));
        EXPECT_EQ(contents(settings_.path).size(), before);
    }
    EXPECT_THAT(texts(file), ElementsAre("one"));
    append(file, {"two"});
    EXPECT_THAT(texts(file), ElementsAre("one", "two"));
}

TEST_F(JournalFileTest, WhatAFailedWriteLeftBehindIsNotTakenForARecord)
{
    {
        JournalFile file = open();
        append(file, {"one", "two"});
    }
    const std::string stale = contents(settings_.path).substr(16);
    {
        JournalFile file = open();
        append(file, {"three"});
    }
    write(settings_.path, contents(settings_.path) + stale);
    const JournalFile file = open();
    EXPECT_THAT(texts(file), ElementsAre("one", "two", "three"));
    EXPECT_EQ(file.found().damaged, stale.size());
}

TEST_F(JournalFileTest, IsEmptyWhenTheLastRecordIsRemoved)
{
    JournalFile file = open();
    const std::uint64_t empty = file.bytes();
    const auto first = append(file, {"one", "two"});
    const auto step = append(file, {"step"}, steps);
    ASSERT_TRUE(file.remove(first));
    EXPECT_GT(contents(settings_.path).size(), empty);
    ASSERT_TRUE(file.remove(step));
    EXPECT_EQ(contents(settings_.path).size(), empty);
    ASSERT_TRUE(file.remove(step)) << "it is gone already";
    append(file, {"three"});
    EXPECT_THAT(texts(file), ElementsAre("three"));
}

TEST_F(JournalFileTest, IsWrittenAnewWhenMostOfItIsOfNoUse)
{
    const std::string large(600'000, 'x');
    {
        JournalFile file = open();
        append(file, {"kept"});
        const auto gone = append(file, {large, large});
        append(file, {"kept, too"}, steps);
        append(file, {std::string(200'000, 'y')});
        ASSERT_TRUE(file.remove(gone));
        EXPECT_LT(contents(settings_.path).size(), 300'000U);
        EXPECT_EQ(contents(settings_.path).size(), file.bytes());
        EXPECT_THAT(texts(file), ElementsAre("kept", std::string(200'000, 'y')));
        append(file, {"later"});
    }
    const JournalFile file = open();
    EXPECT_THAT(texts(file), ElementsAre("kept", std::string(200'000, 'y'), "later"));
    EXPECT_THAT(texts(file, steps), ElementsAre("kept, too"));
    EXPECT_FALSE(std::filesystem::exists(beside(".new")));
}

TEST_F(JournalFileTest, StaysAsItIsWhenThereIsNoSpaceToWriteItAnew)
{
    JournalFile file = open();
    const auto gone = append(file, {std::string(2U << 20U, 'x')});
    append(file, {std::string(1000, 'y')});
    const FullDisk disk(500);
    EXPECT_FALSE(file.remove(gone));
    EXPECT_THAT(texts(file), ElementsAre(std::string(1000, 'y')));
    EXPECT_FALSE(std::filesystem::exists(beside(".new")));
}

/// One after the other is in the place of each of the journal's files.
TEST_F(JournalFileTest, ALinkIsNeitherFollowedNorEmptied)
{
    append(*std::make_unique<JournalFile>(open()), {"kept"});
    const std::filesystem::path victim = folder_.path() / "victim";
    write(victim, "precious");
    for (const auto& file : {settings_.path, beside(".lock")}) {
        const std::filesystem::path aside = file.string() + ".aside";
        std::filesystem::rename(file, aside);
        std::filesystem::create_symlink(victim, file);
        const auto opened = JournalFile::open(settings_);
        ASSERT_FALSE(opened) << file;
        EXPECT_THAT(opened.error().message,
                    HasSubstr(file.string() + " is a symbolic link to " + victim.string()));
        EXPECT_EQ(contents(victim), "precious");
        std::filesystem::rename(aside, file);
    }
    EXPECT_THAT(texts(open()), ElementsAre("kept"));
}

TEST_F(JournalFileTest, ALinkInThePlaceOfTheNewFileIsNotFollowed)
{
    JournalFile file = open();
    const auto gone = append(file, {std::string(2U << 20U, 'x')});
    append(file, {"kept"});
    const std::filesystem::path victim = folder_.path() / "victim";
    write(victim, "precious");
    std::filesystem::create_symlink(victim, beside(".new"));
    EXPECT_TRUE(file.remove(gone));
    EXPECT_EQ(contents(victim), "precious");
    EXPECT_FALSE(std::filesystem::is_symlink(settings_.path));
    EXPECT_THAT(texts(file), ElementsAre("kept"));
}

TEST_F(JournalFileTest, APipeOrAFolderInItsPlaceIsRefusedAtOnce)
{
    std::filesystem::create_directories(settings_.path.parent_path());
    ASSERT_EQ(mkfifo(settings_.path.c_str(), 0600), 0);
    auto opened = JournalFile::open(settings_);
    ASSERT_FALSE(opened);
    EXPECT_THAT(opened.error().message, HasSubstr("is not a regular file"));
    std::filesystem::remove(settings_.path);
    std::filesystem::create_directory(settings_.path);
    opened = JournalFile::open(settings_);
    ASSERT_FALSE(opened);
    EXPECT_THAT(opened.error().message, HasSubstr("is not a regular file"));
}

TEST_F(JournalFileTest, AFileOfAnotherUserInAFolderThatIsNotTheirsIsRefused)
{
    if (geteuid() != 0) GTEST_SKIP() << "only root can give a file to another user";
    open();
    ASSERT_EQ(chown(settings_.path.c_str(), 12345, 12345), 0);
    const auto opened = JournalFile::open(settings_);
    ASSERT_FALSE(opened);
    EXPECT_THAT(opened.error().message, HasSubstr("belongs to user 12345"));
    ASSERT_EQ(chown(settings_.path.parent_path().c_str(), 12345, 12345), 0);
    EXPECT_TRUE(JournalFile::open(settings_)) << "the folder is theirs, too";
}

TEST_F(JournalFileTest, IsMadeAgainWithAllRecordsWhenItWasDeletedOrReplaced)
{
    JournalFile file = open();
    append(file, {"before"});
    std::filesystem::remove(settings_.path);
    append(file, {"deleted"});
    write(beside(".other"), "something else");
    std::filesystem::rename(beside(".other"), settings_.path);
    append(file, {"replaced"});
    EXPECT_EQ(contents(settings_.path).size(), file.bytes());
    {
        const JournalFile gone = std::move(file);
    }
    EXPECT_THAT(texts(open()), ElementsAre("before", "deleted", "replaced"));
}

TEST_F(JournalFileTest, AFolderThatCannotBeMadeIsSaid)
{
    write(folder_.path() / "state", "a file");
    const auto file = JournalFile::open(settings_);
    ASSERT_FALSE(file);
    EXPECT_THAT(file.error().message, HasSubstr("state: cannot make the folder"));
}

}  // namespace
}  // namespace peercron
