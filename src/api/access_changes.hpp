#pragma once

#include "api/api.hpp"
#include "http/json_writer.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace peercron {

// What the calls about accounts and those about tokens have in common, and the list of accesses.

/// The `name` that is given. Throws HttpError 400.
std::string read_name(const Params& params);

/// The `role` that is given. Throws HttpError 400.
std::optional<Role> read_role(const Params& params);

/// The `tags` that are given. Throws HttpError 400.
std::optional<std::vector<std::string>> read_tags(const Params& params);

/// An owner has everything to do with all jobs. Throws HttpError 400.
void refuse_limited_owner(Role role, const std::vector<std::string>& tags);

/// Anonymous callers end with the first account or token: somebody has to be able to make others.
/// Throws HttpError 409.
void refuse_lockout(const Caller& caller, Role role);

void write_tags(JsonWriter& json, const std::vector<std::string>& tags);

/// Writes into the list of accesses, and into the log, what a caller did.
void note_act(const ApiContext& context, const Caller& caller, std::string what,
              std::string detail);

/// The same of accounts and tokens, and has the change count at this node at once.
void note_change(const ApiContext& context, const Caller& caller, std::string what,
                 std::string detail);

}  // namespace peercron
