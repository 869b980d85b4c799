#include "integration/store/store_under_test.hpp"

#include "integration/store/mysql_database.hpp"
#include "store/mysql/migrate.hpp"
#include "store/mysql/mysql_store.hpp"

namespace peercron::testing {
namespace {

class MysqlDatabase final : public StoreDatabase {
public:
    MysqlDatabase() { migrate(settings_); }
    MysqlDatabase(const MysqlDatabase&) = delete;
    MysqlDatabase& operator=(const MysqlDatabase&) = delete;
    ~MysqlDatabase() override
    {
        MysqlConnection(settings_).execute("DROP DATABASE " + settings_.database);
    }

    std::unique_ptr<Store> open() override { return std::make_unique<MysqlStore>(settings_); }

private:
    MysqlSettings settings_ = settings_for(MariadbServer::shared(), new_database_name());
};

}  // namespace

std::vector<StoreKind> store_kinds()
{
    return {{"MySQL", [] { return std::make_unique<MysqlDatabase>(); }}};
}

}  // namespace peercron::testing
