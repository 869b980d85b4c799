#include "fuzzers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

// The kept inputs of the fuzzers, each of which has once broken a promise or is an example of what
// the parser reads.

namespace peercron::fuzz {
namespace {

namespace fs = std::filesystem;

fs::path corpus()
{
    return fs::path(std::getenv("PEERCRON_SOURCE_DIR")) / "fuzz" / "corpus";
}

std::string read(const fs::path& file)
{
    std::ifstream in(file, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (file.extension() != ".hex") return text;
    std::string digits;
    for (const char c : text) {
        if (std::isxdigit(static_cast<unsigned char>(c)) != 0) digits += c;
    }
    std::string bytes;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
        bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
    }
    return bytes;
}

class CorpusTest : public ::testing::TestWithParam<Fuzzer> {};

TEST_P(CorpusTest, BreaksNoPromise)
{
    int files = 0;
    for (const auto& file : fs::directory_iterator(corpus() / GetParam().name)) {
        ++files;
        try {
            GetParam().run(read(file.path()));
        } catch (const std::exception& error) {
            ADD_FAILURE() << file.path() << ": " << error.what();
        }
    }
    EXPECT_GT(files, 0);
}

/// Only what libFuzzer calls is one: a corpus without a fuzzer is read by nobody.
TEST(CorpusFolderTest, HasAFolderForEachFuzzerAndNoOther)
{
    std::vector<std::string> folders;
    for (const auto& folder : fs::directory_iterator(corpus()))
        folders.push_back(folder.path().filename());
    std::ranges::sort(folders);
    std::vector<std::string> names;
    for (const Fuzzer& fuzzer : fuzzers) names.emplace_back(fuzzer.name);
    EXPECT_EQ(folders, names);
}

INSTANTIATE_TEST_SUITE_P(Fuzzers, CorpusTest, ::testing::ValuesIn(fuzzers),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace peercron::fuzz
