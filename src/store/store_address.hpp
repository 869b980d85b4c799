#pragma once

#include "store/mysql/mysql_settings.hpp"
#include "store/sqlite/sqlite_settings.hpp"
#include "store/store_image.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <variant>

namespace peercron {

/// Which database: "sqlite:PATH" (the file, or the folder of a node's data, which one
/// that is missing is taken for when its name has no extension) or
/// "mysql://USER@HOST:PORT/DATABASE", where :PORT is 3306 when left out, an IPv6 address stands in
/// brackets, and ?socket=PATH names a Unix socket that counts instead of HOST and PORT.
using StoreAddress = std::variant<SqliteSettings, MysqlSettings>;

/// The text is not the address of a database; what() says what is wrong and what is allowed.
class BadStoreAddress : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Throws BadStoreAddress. A password in the address is refused: everybody on the machine could
/// read it in the list of processes.
StoreAddress parse_store_address(const std::string& text);

/// Whether both name the same database, as far as the addresses tell.
bool same_database(const StoreAddress& a, const StoreAddress& b);

enum class Missing : std::uint8_t { is_made, is_an_error };

/// Opens the database and brings its tables to this version. Throws StoreError.
std::unique_ptr<StoreImage> open_image(const StoreAddress& address, Missing missing);

}  // namespace peercron
