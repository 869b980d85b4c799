#pragma once

#include <mysql.h>
#include <mysql/plugin_auth.h>

#include <functional>
#include <string_view>

namespace peercron {

// MySQL's login `caching_sha2_password`, its default from 8.0 on, for the client library.
// Connector/C has it as a file that is loaded at run time, which the program for any Linux does not
// have; and that one (3.3) takes a connection for encrypted as soon as TLS is wanted, and shows the
// password to a server that has none.
//
// Source: MySQL's source documentation, "Caching_sha2_password information".

/// Proves to the server that we know the password, in answer to its nonce. If the server does not
/// remember the password, it wants it whole: it is sent as it is where nobody can read along, else
/// encrypted with the key that the server sends. Returns CR_OK, or a code of the client library.
/// @param is_private asked when something has been sent, because TLS begins with that.
int log_in_by_sha2(MYSQL_PLUGIN_VIO& server, std::string_view password,
                   const std::function<bool()>& is_private);

/// Makes the login known to the client library, which has been initialised. To be called once.
void register_sha2_login();

}  // namespace peercron
