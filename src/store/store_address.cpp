#include "store/store_address.hpp"

#include "store/mysql/mysql_image.hpp"
#include "store/sqlite/sqlite_image.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace peercron {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view sqlite_scheme = "sqlite:";
constexpr std::string_view file_of_a_node = "peercron.db";

// Counting a table of millions of rows takes a while.
constexpr std::chrono::minutes statement_time{30};

[[noreturn]] void refuse(const std::string& text, std::string_view why)
{
    throw BadStoreAddress(
        fmt::format("'{}' is not the address of a database: {}. Allowed: sqlite:PATH, or "
                    "mysql://USER@HOST:PORT/DATABASE",
                    text, why));
}

SqliteSettings parse_sqlite(const std::string& text)
{
    fs::path path = text.substr(sqlite_scheme.size());
    if (path.empty()) refuse(text, "the path is missing");
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    const bool is_file = fs::exists(status) ? !fs::is_directory(status) : path.has_extension();
    if (!is_file) path /= file_of_a_node;
    return {path};
}

MysqlSettings parse_mysql(const std::string& text)
{
    const auto parsed = boost::urls::parse_uri(text);
    if (!parsed) refuse(text, "it cannot be read as a URL");
    const boost::urls::url_view url = *parsed;
    if (url.scheme() != "mysql") refuse(text, "'" + std::string(url.scheme()) + "' is not known");
    if (url.has_password()) {
        throw BadStoreAddress(
            "a password must not be in an address, where every user of this machine can read it: "
            "put it into PEERCRON_MYSQL_PASSWORD or into a file, --from-password-file or "
            "--to-password-file");
    }
    MysqlSettings settings;
    settings.user = url.user();
    if (settings.user.empty()) refuse(text, "the user is missing");
    for (const auto& param : url.params()) {
        if (param.key != "socket") refuse(text, "'" + std::string(param.key) + "' is not known");
        settings.socket = param.value;
    }
    if (!url.host_address().empty()) settings.host = url.host_address();
    if (url.host_address().empty() && settings.socket.empty()) refuse(text, "the host is missing");
    if (url.has_port()) {
        // The URL's own reading takes larger ones modulo 65536.
        const std::string_view port = url.port();
        const char* const end = port.data() + port.size();
        const auto [rest, error] = std::from_chars(port.data(), end, settings.port);
        if (error != std::errc() || rest != end || settings.port == 0) {
            refuse(text, "the port must be 1-65535");
        }
    }
    const auto segments = url.segments();
    if (segments.size() != 1 || (*segments.begin()).empty()) {
        refuse(text, "the name of the database is missing");
    }
    settings.database = *segments.begin();
    settings.timeout = statement_time;
    return settings;
}

bool same(const SqliteSettings& a, const SqliteSettings& b)
{
    std::error_code error;
    return fs::weakly_canonical(a.path, error) == fs::weakly_canonical(b.path, error);
}

bool same(const MysqlSettings& a, const MysqlSettings& b)
{
    return to_string(a) == to_string(b) && a.database == b.database;
}

std::unique_ptr<StoreImage> open(const SqliteSettings& settings, Missing missing)
{
    std::error_code error;
    if (missing == Missing::is_made) {
        fs::create_directories(settings.path.parent_path(), error);
    } else if (!fs::exists(settings.path, error)) {
        throw StoreError(fmt::format("there is no SQLite database {}{}{}", settings.path.string(),
                                     error ? ": " : "", error ? error.message() : ""));
    }
    return std::make_unique<SqliteImage>(settings);
}

std::unique_ptr<StoreImage> open(const MysqlSettings& settings, Missing /*missing*/)
{
    return std::make_unique<MysqlImage>(settings);
}

}  // namespace

StoreAddress parse_store_address(const std::string& text)
{
    if (text.starts_with(sqlite_scheme)) return parse_sqlite(text);
    return parse_mysql(text);
}

bool same_database(const StoreAddress& a, const StoreAddress& b)
{
    if (a.index() != b.index()) return false;
    return std::visit(
        [&](const auto& one) { return same(one, std::get<std::remove_cvref_t<decltype(one)>>(b)); },
        a);
}

std::unique_ptr<StoreImage> open_image(const StoreAddress& address, Missing missing)
{
    return std::visit([&](const auto& settings) { return open(settings, missing); }, address);
}

}  // namespace peercron
