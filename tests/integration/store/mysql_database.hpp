#pragma once

#include "integration/servers/database_server.hpp"
#include "store/mysql/mysql_connection.hpp"
#include "store/mysql/mysql_settings.hpp"

#include <gtest/gtest.h>

#include <exception>
#include <string>

namespace peercron::testing {

/// How to reach a database of `server`, with the time limits of a test.
inline MysqlSettings settings_for(const DatabaseServer& server, std::string database)
{
    MysqlSettings settings;
    settings.host = DatabaseServer::host;
    settings.port = server.port();
    settings.user = DatabaseServer::user;
    settings.password = DatabaseServer::password;
    settings.database = std::move(database);
    return settings;
}

/// For destructors: a server that does not answer fails the test, and does not end the program.
inline void drop_database(const MysqlSettings& settings) noexcept
{
    try {
        MysqlConnection(settings).execute("DROP DATABASE " + settings.database);
    } catch (const std::exception& error) {
        ADD_FAILURE() << error.what();
    }
}

/// A name that no other test of this process uses.
inline std::string new_database_name()
{
    static int count = 0;
    return "test_" + std::to_string(++count);
}

}  // namespace peercron::testing
