#include "integration/store/store_under_test.hpp"

#include "integration/store/mysql_database.hpp"
#include "integration/store/temporary_folder.hpp"
#include "store/mysql/migrate.hpp"
#include "store/mysql/mysql_store.hpp"
#include "store/sqlite/migrate.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace peercron::testing {
namespace {

class MysqlDatabase final : public StoreDatabase {
public:
    MysqlDatabase() { migrate(settings_); }
    MysqlDatabase(const MysqlDatabase&) = delete;
    MysqlDatabase& operator=(const MysqlDatabase&) = delete;
    ~MysqlDatabase() override { drop_database(settings_); }

    std::unique_ptr<Store> open(const NoticeDefaults& inherited) override
    {
        return std::make_unique<MysqlStore>(settings_, inherited);
    }
    void execute(const std::string& sql) override { MysqlConnection(settings_).execute(sql); }

private:
    MysqlSettings settings_ = settings_for(DatabaseServer::shared(), new_database_name());
};

class SqliteDatabase final : public StoreDatabase {
public:
    SqliteDatabase() { migrate(settings_); }

    std::unique_ptr<Store> open(const NoticeDefaults& inherited) override
    {
        return std::make_unique<SqliteStore>(settings_, inherited);
    }
    void execute(const std::string& sql) override { SqliteConnection(settings_).execute(sql); }

private:
    TemporaryFolder folder_;
    SqliteSettings settings_{folder_.path() / "peercron.db"};
};

}  // namespace

std::vector<StoreKind> store_kinds()
{
    return {{"MySQL", [] { return std::make_unique<MysqlDatabase>(); }},
            {"SQLite", [] { return std::make_unique<SqliteDatabase>(); }}};
}

std::unique_ptr<StoreDatabase> usual_database()
{
    if (DatabaseServer::is_mysql()) return std::make_unique<MysqlDatabase>();
    return std::make_unique<SqliteDatabase>();
}

}  // namespace peercron::testing
