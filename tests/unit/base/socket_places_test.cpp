#include "base/socket_places.hpp"

#include <gmock/gmock.h>

#include <map>
#include <string>

namespace peercron {
namespace {

using ::testing::ElementsAre;

VariableOf variables(std::map<std::string, std::string> all)
{
    return [all = std::move(all)](const char* name) {
        const auto found = all.find(name);
        return found == all.end() ? std::string() : found->second;
    };
}

constexpr uid_t root = 0;
constexpr uid_t ada = 1000;
const std::filesystem::path of_machine = "/run/peercron/peercron.sock";

TEST(SocketPlacesTest, EachUserHasOnePlaceOfItsOwn)
{
    EXPECT_EQ(socket_place(root, variables({{"XDG_RUNTIME_DIR", "/run/user/0"}})), of_machine);
    EXPECT_EQ(socket_place(ada, variables({{"XDG_RUNTIME_DIR", "/run/user/1000"}})),
              "/run/user/1000/peercron/peercron.sock");
    EXPECT_EQ(socket_place(ada, variables({{"HOME", "/home/ada"}})),
              "/home/ada/.local/state/peercron/peercron.sock");
    EXPECT_EQ(socket_place(ada, variables({})), "");
    EXPECT_EQ(socket_place(ada, variables({{"XDG_RUNTIME_DIR", "run"}, {"HOME", "."}})), "");
}

TEST(SocketPlacesTest, CommandsLookForTheUsersNodeBeforeThatOfTheMachine)
{
    EXPECT_THAT(socket_places(ada, variables({{"XDG_RUNTIME_DIR", "/run/user/1000"}})),
                ElementsAre("/run/user/1000/peercron/peercron.sock", of_machine));
    EXPECT_THAT(socket_places(ada, variables({})), ElementsAre(of_machine));
    EXPECT_THAT(socket_places(root, variables({})), ElementsAre(of_machine));
}

}  // namespace
}  // namespace peercron
