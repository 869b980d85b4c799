#include "store/account_store.hpp"

namespace peercron {

void throw_account_taken(const std::string& name)
{
    throw NameTaken("there is an account named " + name + " already");
}

void throw_token_taken(const std::string& name)
{
    throw NameTaken("there is a token named " + name + " already");
}

}  // namespace peercron
