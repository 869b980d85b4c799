#include "base/socket_places.hpp"

namespace peercron {
namespace {

constexpr const char* socket_name = "peercron.sock";

const std::filesystem::path of_machine = "/run/peercron/peercron.sock";

}  // namespace

std::filesystem::path socket_place(uid_t user, const VariableOf& variable)
{
    if (user == 0) return of_machine;
    const std::filesystem::path runtime = variable("XDG_RUNTIME_DIR");
    if (runtime.is_absolute()) return runtime / "peercron" / socket_name;
    const std::filesystem::path home = variable("HOME");
    if (home.is_absolute()) return home / ".local/state/peercron" / socket_name;
    return {};
}

std::vector<std::filesystem::path> socket_places(uid_t user, const VariableOf& variable)
{
    std::vector<std::filesystem::path> places;
    const std::filesystem::path own = socket_place(user, variable);
    if (!own.empty() && own != of_machine) places.push_back(own);
    places.push_back(of_machine);
    return places;
}

}  // namespace peercron
