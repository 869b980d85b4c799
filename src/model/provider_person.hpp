#pragma once

#include "model/role.hpp"

#include <optional>
#include <string>

namespace peercron {

/// Somebody whom the OpenID provider has signed in.
struct ProviderPerson {
    std::string identity;      ///< as UserAccount::identity
    std::string name;          ///< of the account
    std::optional<Role> role;  ///< by the groups; nullopt: the account says it
};

}  // namespace peercron
