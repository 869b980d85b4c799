#include "exec/secrets.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

namespace peercron {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

/// What is shown of an output that comes in pieces of this many bytes.
std::string hidden(const std::vector<std::string>& secrets, std::string_view output,
                   std::size_t piece = 1)
{
    SecretMask mask(secrets);
    std::string shown;
    for (std::size_t i = 0; i < output.size(); i += piece) {
        shown += mask.hide(output.substr(i, piece));
    }
    return shown + mask.rest();
}

TEST(SecretMaskTest, StarsStandInThePlaceOfASecretHoweverItComes)
{
    for (std::size_t piece = 1; piece < 30; ++piece) {
        EXPECT_EQ(hidden({"hunter2"}, "login hunter2, hunter2hunter2 hunter", piece),
                  "login ***, ****** hunter");
        EXPECT_EQ(hidden({"aaab"}, "aaaaab aaa", piece), "aa*** aaa");
        EXPECT_EQ(hidden({"abcd", "abcdef"}, "abcdef abcd abcde", piece), "*** *** ***e");
        EXPECT_EQ(hidden({"abcdef", "bcde"}, "abcde abcdef", piece), "a*** ***");
        EXPECT_EQ(hidden({}, "nothing", piece), "nothing");
    }
}

TEST(SecretMaskTest, EachLineOfASecretIsOne)
{
    const std::string key = "-----BEGIN-----\r\nMIIEvQ\nabc\n";
    EXPECT_EQ(hidden({key}, key), "***\n");
    EXPECT_EQ(hidden({key}, "x MIIEvQ y"), "x *** y");
    EXPECT_EQ(hidden({key}, "x abc -----BEGIN-----"), "x abc ***") << "abc is too short for one";
}

TEST(SecretMaskTest, WhatIsTooShortToBeOneIsShown)
{
    EXPECT_EQ(hidden({"", "\n", "a", "123", "1234"}, "a 123 1234"), "a 123 ***");
}

TEST(SecretMaskTest, WhatCannotBeASecretAnyMoreIsShownAtOnce)
{
    const std::vector<std::string> secrets{"secret"};
    SecretMask mask(secrets);
    EXPECT_EQ(mask.hide("it is a sec"), "it is a ");
    EXPECT_EQ(mask.hide("ond"), "second");
    EXPECT_EQ(mask.hide("secre"), "");
    EXPECT_EQ(mask.rest(), "secre");
    EXPECT_EQ(mask.rest(), "");
}

TEST(SecretMaskTest, AnyOutputIsWhatReplacingEachWouldMakeOfIt)
{
    std::mt19937 random(7);
    const std::string letters = "ab\n";
    for (int round = 0; round < 2000; ++round) {
        std::string output;
        for (int i = 0; i < 40; ++i) output += letters[random() % letters.size()];
        const std::string secret = output.substr(random() % 30, 4 + random() % 3);
        if (secret.find('\n') != std::string::npos) continue;
        std::string expected = output;
        for (std::size_t at = 0; (at = expected.find(secret, at)) != std::string::npos; at += 3) {
            expected.replace(at, secret.size(), "***");
        }
        EXPECT_EQ(hidden({secret}, output, 1 + random() % 7), expected) << secret;
    }
}

class SecretsTest : public ::testing::Test {
protected:
    SecretsTest()
    {
        std::string name = (fs::temp_directory_path() / "peercron-secrets-XXXXXX").string();
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
        fs::create_directory(folder_ / "source");
        put("db", "hunter2\n");
        put("key", "one\ntwo\n\n");
    }
    ~SecretsTest() override { fs::remove_all(folder_); }

    void put(const std::string& name, const std::string& text) const
    {
        std::ofstream(folder_ / "source" / name) << text;
    }

    SecretSettings settings() const { return {folder_ / "source", folder_ / "target"}; }

    static std::string text_of(const fs::path& path)
    {
        std::ifstream file(path);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    static unsigned mode_of(const fs::path& path)
    {
        struct stat status {};
        EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
        return status.st_mode & 07777U;
    }

    const std::vector<std::string> both_{"db", "key"};
    fs::path folder_;
};

TEST_F(SecretsTest, ACommandGetsAFolderThatIsGoneWithIt)
{
    Secrets secrets(settings());
    fs::path path;
    {
        const auto given = secrets.give(both_, nullptr);
        ASSERT_TRUE(given) << given.error().message;
        path = given->folder->path();
        EXPECT_EQ(text_of(path / "db"), "hunter2") << "without the line break";
        EXPECT_EQ(text_of(path / "key"), "one\ntwo");
        EXPECT_EQ(mode_of(path), 0500U);
        EXPECT_EQ(mode_of(path / "db"), 0400U);
        EXPECT_EQ(mode_of(path.parent_path()), 0711U);
        const auto another = secrets.give(both_, nullptr);
        ASSERT_TRUE(another);
        EXPECT_NE(another->folder->path(), path);
    }
    EXPECT_FALSE(fs::exists(path));
}

TEST_F(SecretsTest, TheyBelongToTheUserOfTheCommand)
{
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
    Secrets secrets(settings());
    const ProgramUser user{12345, 23456, {}};
    fs::path path;
    {
        const auto given = secrets.give(both_, &user);
        ASSERT_TRUE(given) << given.error().message;
        path = given->folder->path();
        for (const fs::path& each : {path, path / "db", path / "key"}) {
            struct stat status {};
            ASSERT_EQ(::lstat(each.c_str(), &status), 0);
            EXPECT_EQ(status.st_uid, user.user) << each;
            EXPECT_EQ(status.st_gid, user.group) << each;
        }
        EXPECT_EQ(mode_of(path), 0500U);
    }
    EXPECT_FALSE(fs::exists(path));
}

TEST_F(SecretsTest, WhatAnEarlierProcessHasLeftIsRemoved)
{
    fs::create_directories(folder_ / "target/old");
    std::ofstream(folder_ / "target/old/db") << "hunter1";
    fs::permissions(folder_ / "target/old", fs::perms::owner_read | fs::perms::owner_exec);
    {
        Secrets secrets(settings());
        EXPECT_TRUE(fs::exists(folder_ / "target/old")) << "another node may run with this name";
        ASSERT_TRUE(secrets.give(both_, nullptr));
        EXPECT_FALSE(fs::exists(folder_ / "target/old"));
    }
    EXPECT_FALSE(fs::exists(folder_ / "target"));
}

TEST_F(SecretsTest, AFolderThatAnotherUserHasPutThereIsNotUsed)
{
    fs::create_directory(folder_ / "mine");
    fs::create_symlink(folder_ / "mine", folder_ / "target");
    Secrets secrets(settings());
    const auto given = secrets.give(both_, nullptr);
    ASSERT_FALSE(given);
    EXPECT_THAT(given.error().message, HasSubstr("is not a folder of this node's user"));
    EXPECT_TRUE(fs::is_empty(folder_ / "mine"));
}

TEST_F(SecretsTest, WhatIsMissingIsNamedAndNoSecretIsShown)
{
    Secrets secrets(settings());
    EXPECT_FALSE(secrets.refusal(both_));
    const std::vector<std::string> missing{"db", "other"};
    EXPECT_EQ(secrets.refusal(missing),
              "secrets: other cannot be read from this node's [secrets] dir, " +
                  (folder_ / "source").string() + ": No such file or directory");
    EXPECT_EQ(secrets.give(missing, nullptr).error().message, *secrets.refusal(missing));
    EXPECT_THAT(*secrets.refusal(missing), Not(HasSubstr("hunter2")));
    fs::create_directory(folder_ / "source/folder");
    ASSERT_EQ(::mkfifo((folder_ / "source/pipe").c_str(), 0600), 0);
    put("large", std::string((1U << 20U) + 1, 'x'));
    for (const std::string name : {"folder", "large"}) {
        EXPECT_TRUE(secrets.refusal(std::vector{name})) << name;
    }
    EXPECT_EQ(secrets.read("pipe").value(), "") << "it does not wait";
    Secrets none({});
    EXPECT_EQ(none.refusal(both_),
              "secrets: this node has none; its configuration names no [secrets] dir");
    EXPECT_FALSE(none.refusal({}));
}

}  // namespace
}  // namespace peercron
