// Connections to a real server by TLS.
#include "integration/servers/certificates.hpp"
#include "integration/store/mysql_database.hpp"
#include "store/mysql/mysql_connection.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace peercron {
namespace {

using Tls = MysqlSettings::Tls;
using ::testing::AllOf;
using testing::DatabaseServer;
using ::testing::HasSubstr;

class MysqlTlsTest : public ::testing::Test {
protected:
    static void SetUpTestSuite()
    {
        certificates_ = std::make_unique<testing::Certificates>();
        server_ = std::make_unique<DatabaseServer>(
            std::vector<std::string>{"--ssl-cert=" + certificates_->cert("server"),
                                     "--ssl-key=" + certificates_->key("server")});
        server_->start();
    }
    static void TearDownTestSuite()
    {
        server_.reset();
        certificates_.reset();
    }

    static MysqlSettings settings(Tls tls, const DatabaseServer& server)
    {
        MysqlSettings settings = testing::settings_for(server, "mysql");
        settings.tls = tls;
        return settings;
    }
    static MysqlSettings settings(Tls tls) { return settings(tls, *server_); }

    /// How a connection is encrypted, "" when it is not.
    static std::string cipher(const MysqlSettings& settings)
    {
        MysqlConnection connection(settings);
        MysqlRows rows = connection.query("SHOW SESSION STATUS LIKE 'Ssl_cipher'");
        rows.next();
        std::string cipher(rows.text(1));
        while (rows.next()) continue;
        return cipher;
    }
    static std::string refusal(const MysqlSettings& settings)
    {
        try {
            const MysqlConnection connection(settings);
        } catch (const MysqlError& error) {
            return error.what();
        }
        return "no refusal";
    }

    static std::unique_ptr<testing::Certificates> certificates_;
    static std::unique_ptr<DatabaseServer> server_;
};

std::unique_ptr<testing::Certificates> MysqlTlsTest::certificates_;
std::unique_ptr<DatabaseServer> MysqlTlsTest::server_;

TEST_F(MysqlTlsTest, ConnectionsAreEncryptedIfTheServerCan)
{
    EXPECT_NE(cipher(settings(Tls::prefer)), "");
    EXPECT_NE(cipher(settings(Tls::require)), "");
    EXPECT_EQ(cipher(settings(Tls::off)), "");
    if (DatabaseServer::is_mysql()) return;  // which always can
    EXPECT_EQ(cipher(settings(Tls::prefer, DatabaseServer::shared())), "");
}

TEST_F(MysqlTlsTest, ASocketOfThisMachineIsNotEncrypted)
{
    MysqlSettings local = settings(Tls::require);
    local.socket = server_->socket();
    EXPECT_EQ(cipher(local), "");
}

TEST_F(MysqlTlsTest, AServerThatCannotIsRefusedWhenEncryptionIsRequired)
{
    if (DatabaseServer::is_mysql()) GTEST_SKIP() << "MySQL always can";
    EXPECT_THAT(refusal(settings(Tls::require, DatabaseServer::shared())),
                HasSubstr("does not offer TLS"));
    EXPECT_NE(refusal(settings(Tls::verify, DatabaseServer::shared())), "no refusal");
}

TEST_F(MysqlTlsTest, AServerIsVerifiedByItsAuthorityAndItsName)
{
    MysqlSettings right = settings(Tls::verify);
    right.ca = certificates_->cert("ca");
    right.host = "localhost";
    EXPECT_NE(cipher(right), "");
    right.host = "127.0.0.1";
    EXPECT_NE(cipher(right), "");

    MysqlSettings wrong = right;
    wrong.ca = certificates_->cert("other-ca");
    EXPECT_THAT(refusal(wrong), AllOf(HasSubstr("certificate"), HasSubstr(wrong.ca)));
    MysqlSettings machine = right;
    machine.ca.clear();
    EXPECT_THAT(refusal(machine), HasSubstr("the authorities of this machine"));
    MysqlSettings other_name = right;
    other_name.host = "127.0.0.2";
    EXPECT_NE(refusal(other_name), "no refusal");
}

TEST_F(MysqlTlsTest, WhatTheServerWantsIsSaid)
{
    DatabaseServer strict({"--ssl-cert=" + certificates_->cert("server"),
                           "--ssl-key=" + certificates_->key("server"),
                           "--require-secure-transport=ON"});
    strict.start();
    // MySQL says what it wants; MariaDB denies the access.
    EXPECT_THAT(refusal(settings(Tls::off, strict)),
                AllOf(HasSubstr("requires TLS"), HasSubstr("set [mysql] tls = \"require\"")));
    EXPECT_NE(cipher(settings(Tls::prefer, strict)), "");

    server_->sql(
        "CREATE USER careful@'%' IDENTIFIED BY 'x' REQUIRE SSL;"
        "GRANT ALL PRIVILEGES ON *.* TO careful@'%';");
    MysqlSettings careful = settings(Tls::off);
    careful.user = "careful";
    careful.password = "x";
    EXPECT_THAT(refusal(careful), HasSubstr("the account requires TLS, set [mysql] tls"));
    careful.tls = Tls::prefer;
    EXPECT_NE(cipher(careful), "");
}

/// The default of MySQL from 8.0 on. The first login since the server started takes the password
/// itself, by TLS or encrypted with the server's key; later ones what the server remembers of it.
TEST_F(MysqlTlsTest, TheDefaultLoginOfMysqlWorksWithAndWithoutTls)
{
    if (!DatabaseServer::is_mysql()) GTEST_SKIP() << "MariaDB has no such login";
    server_->sql(
        "CREATE USER usual@'%' IDENTIFIED WITH caching_sha2_password BY 'it''s \"secret\"';"
        "GRANT ALL PRIVILEGES ON *.* TO usual@'%';");
    for (const Tls tls : {Tls::off, Tls::prefer, Tls::require}) {
        MysqlSettings usual = settings(tls);
        usual.user = "usual";
        usual.password = "it's \"secret\"";
        server_->sql("FLUSH PRIVILEGES");  // it remembers nothing
        for (const char* which : {"first", "later"}) {
            EXPECT_EQ(cipher(usual).empty(), tls == Tls::off) << which;
        }
        usual.password = "another";
        EXPECT_THAT(refusal(usual), HasSubstr("Access denied"));
        server_->sql("FLUSH PRIVILEGES");
        EXPECT_THAT(refusal(usual), HasSubstr("Access denied"));
    }
}

TEST(MysqlConnectErrorTest, WhatIsWrongIsSaidWithWhatToDo)
{
    MysqlSettings off;
    off.user = "cron";
    off.tls = Tls::off;
    const std::string missing =
        "Plugin authentication_pam could not be loaded: /x/authentication_pam.so: cannot open "
        "shared object file: No such file or directory";
    EXPECT_THAT(explain_connect_error(1045, missing, off),
                AllOf(HasSubstr("account cron"), HasSubstr("caching_sha2_password"),
                      ::testing::Not(HasSubstr("TLS"))));
    EXPECT_THAT(explain_connect_error(1045, "Access denied for user 'cron'", off),
                HasSubstr("requires TLS, set [mysql] tls = \"require\""));
    MysqlSettings encrypted = off;
    encrypted.tls = Tls::prefer;
    EXPECT_EQ(explain_connect_error(1045, "Access denied", encrypted), "Access denied");
}

}  // namespace
}  // namespace peercron
