#include "config/config.hpp"

#include "base/toml.hpp"
#include "base/units.hpp"
#include "config/contradictions.hpp"
#include "config/keys.hpp"
#include "config/mode_choice.hpp"
#include "config/overlay.hpp"
#include "config/suggestion.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <system_error>
#include <utility>

namespace peercron {
namespace {

constexpr std::size_t largest_file = 1U << 20U;
constexpr std::size_t largest_secret = 4096;

/// What a file holds, up to `limit` bytes.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit)
{
    errno = 0;
    std::ifstream in(path, std::ios::binary);
    std::string text(limit + 1, '\0');
    if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!in.is_open() || in.bad()) {
        const int why = errno == 0 ? EIO : errno;
        return Error{"cannot be read: " + std::generic_category().message(why)};
    }
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (text.size() > limit) {
        return Error{"is larger than the allowed " + format_size(limit)};
    }
    return {boost::system::in_place_value, std::move(text)};
}

bool is_readable_by_all(const std::filesystem::path& path)
{
    struct stat status {};
    return stat(path.c_str(), &status) == 0 && (status.st_mode & S_IROTH) != 0;
}

std::string in_quotes(std::string_view text)
{
    constexpr std::size_t longest = 80;
    std::string out = R"(")";
    out.append(text.substr(0, longest));
    return out.append(text.size() > longest ? R"(…")" : R"(")");
}

std::string_view type_of(const toml::node& node)
{
    switch (node.type()) {
        case toml::node_type::table:
            return "a table";
        case toml::node_type::array:
            return "a list";
        case toml::node_type::string:
            return "a string";
        case toml::node_type::integer:
            return "an integer";
        case toml::node_type::floating_point:
            return "a fraction";
        case toml::node_type::boolean:
            return "true or false";
        default:
            return "a date or time";
    }
}

/// The value as it is shown in a message.
std::string shown(const toml::node& node)
{
    if (const auto* text = node.as_string()) return in_quotes(text->get());
    if (const auto* number = node.as_integer()) {
        return "the integer " + std::to_string(number->get());
    }
    if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
    return std::string(type_of(node));
}

std::string between(const std::string& least, const std::string& most)
{
    return " from " + least + " to " + most;
}

/// Reads keys into a Config and collects everything that is wrong on the way.
class Reader {
public:
    /// @param overlaid says which values do not stand in the file.
    Reader(const toml::table& root, std::string file, const Overlaid& overlaid)
        : root_(root), file_(std::move(file)), overlaid_(overlaid), warnings_(overlaid.warnings)
    {}

    void key(const std::string& name, std::string& value, const keys::Text& rule)
    {
        if (const auto* node = take(name)) read(name, *node, value, rule);
    }

    void key(const std::string& name, std::vector<std::string>& value, const keys::Texts& rule)
    {
        if (const auto* node = take(name)) read(name, *node, value, rule);
    }

    void key(const std::string& name, bool& value, const keys::Flag&)
    {
        const auto* node = take(name);
        if (node == nullptr) return;
        const auto* flag = node->as_boolean();
        if (flag == nullptr) return complain(name, *node, shown(*node), "true or false");
        value = flag->get();
    }

    template <class Number>
    void key(const std::string& name, Number& value, const keys::Count& rule)
    {
        if (const auto* node = take(name)) read(name, *node, value, rule);
    }

    void key(const std::string& name, std::size_t& value, const keys::Size& rule)
    {
        const auto* node = take(name);
        if (node == nullptr) return;
        std::optional<std::size_t> size;
        if (const auto* text = node->as_string()) size = parse_size(text->get());
        if (const auto* number = node->as_integer(); number != nullptr && number->get() >= 0) {
            size = static_cast<std::size_t>(number->get());
        }
        if (!size || *size < rule.least || *size > rule.most) {
            const auto limits = between(format_size(rule.least), format_size(rule.most));
            return complain(name, *node, shown(*node),
                            "a size" + limits +
                                R"(, a string such as "512KiB", "64MiB" or "1GiB", or an )"
                                "integer of bytes");
        }
        value = *size;
    }

    template <class Period>
    void key(const std::string& name, std::chrono::duration<std::int64_t, Period>& value,
             const keys::Duration& rule)
    {
        if (const auto* node = take(name)) read(name, *node, value, rule);
    }

    void key(const std::string& name, spdlog::level::level_enum& value, const keys::Level&)
    {
        const auto* node = take(name);
        if (node == nullptr) return;
        std::optional<spdlog::level::level_enum> level;
        if (const auto* number = node->as_integer())
            level = parse_log_level(std::to_string(number->get()));
        if (const auto* text = node->as_string()) level = parse_log_level(text->get());
        if (!level) {
            return complain(
                name, *node, shown(*node),
                "0 (panic), 1 (fatal), 2 (error), 3 (warn), 4 (info), 5 (debug), or the "
                "name as a string");
        }
        value = *level;
    }

    void key(const std::string& name, std::string& value, const keys::Secret& rule)
    {
        note_origin(name);
        note_origin(rule.file_key);
        read_secret(name, find(name), rule.file_key, find(rule.file_key), value, rule.least);
    }

    template <class Value>
    void key(const std::string& name, Value& value, const keys::Choice<Value>& rule)
    {
        const auto* node = take(name);
        if (node == nullptr) return;
        const auto* text = node->as_string();
        std::string allowed;
        for (const auto& choice : rule.words) {
            if (text != nullptr && text->get() == choice.first) {
                value = choice.second;
                return;
            }
            const bool is_last = &choice == &rule.words.back();
            allowed += allowed.empty() ? "" : is_last ? " or " : ", ";
            allowed += in_quotes(choice.first);
        }
        complain(name, *node, shown(*node), allowed);
    }

    void tokens(const std::string& name, std::vector<Config::Http::Token>& value)
    {
        const auto* node = find(name);
        if (node == nullptr) return;
        const auto* list = node->as_array();
        if (list == nullptr || !std::all_of(list->begin(), list->end(), is_table)) {
            return complain(name, *node, shown(*node),
                            "tables, each under its own [[http.tokens]]");
        }
        for (const auto& item : *list) read_token(name, *item.as_table(), value);
        for (auto token = value.begin(); token != value.end(); ++token) {
            const auto same = [&token](const auto& other) {
                return other.name == token->name || other.secret == token->secret;
            };
            if (std::any_of(value.begin(), token, same)) {
                complain(name, "token " + in_quotes(token->name) +
                                   " has the name or the secret of another token");
            }
        }
    }

    void tag_notices(const std::string& name, std::vector<Config::Notify::Tag>& value)
    {
        const auto* node = take(name);
        if (node == nullptr) return;
        const auto* list = node->as_array();
        if (list == nullptr || !std::all_of(list->begin(), list->end(), is_table)) {
            return complain(name, *node, shown(*node),
                            "tables, each under its own [[notify.tags]]");
        }
        for (const auto& item : *list) {
            EntryReader entry{*this, name, *item.as_table()};
            keys::visit_tag(value.emplace_back(), entry);
            if (value.back().tag.empty() && !is_bad(name + ".tag")) {
                complain(name + ".tag", item, "none", "the tag of the jobs that this is for");
            }
        }
    }

    void report_unknown_keys() { report_unknown(root_, ""); }

    /// Something is wrong with the value of `name`, which may be a default.
    void complain(const std::string& name, const std::string& message)
    {
        const auto* node = find(name);
        const auto place = node == nullptr ? toml::source_position{} : node->source().begin;
        problems_.push_back({place, "key '" + name + "': " + message, name});
    }

    bool is_given(const std::string& name) const { return find(name) != nullptr; }

    /// Whether the key's value could not be taken.
    bool is_bad(const std::string& name) const
    {
        return std::any_of(problems_.begin(), problems_.end(),
                           [&](const Problem& problem) { return problem.key == name; });
    }

    /// Whether `text` names such a key of a table.
    bool names_bad(const std::string& text) const
    {
        return std::any_of(problems_.begin(), problems_.end(), [&](const Problem& problem) {
            return problem.key.find('.') != std::string::npos &&
                   text.find(problem.key) != std::string::npos;
        });
    }

    /// Where the values that were read come from.
    std::map<std::string, std::string>& origins() { return origins_; }

    /// Whether a secret stands in the file itself.
    bool has_secret() const { return has_secret_; }

    std::vector<std::string>& warnings() { return warnings_; }

    /// All that is wrong, in the order of the file, a line each; empty when nothing is.
    std::string problems()
    {
        const auto earlier = [](const Problem& a, const Problem& b) {
            return std::pair(a.place.line, a.place.column) <
                   std::pair(b.place.line, b.place.column);
        };
        std::stable_sort(problems_.begin(), problems_.end(), earlier);
        std::string text;
        for (const auto& problem : problems_) {
            if (!text.empty()) text += '\n';
            const auto origin = overlaid_.origins.find(problem.key);
            if (origin != overlaid_.origins.end()) {
                text += origin->second;
            } else {
                text += file_.empty() ? "configuration" : file_;
            }
            if (problem.place) {
                text.append(":" + std::to_string(problem.place.line));
                text.append(":" + std::to_string(problem.place.column));
            }
            text.append(": ").append(problem.text);
        }
        for (const std::string& problem : overlaid_.problems) {
            if (!text.empty()) text += '\n';
            text += problem;
        }
        return text;
    }

private:
    struct Problem {
        toml::source_position place;  // {} = of the file as a whole
        std::string text;
        std::string key;
    };

    /// Reads the keys of a table that is one of several.
    struct EntryReader {
        Reader& reader;
        const std::string& name;
        const toml::table& table;

        template <class Value, class Rule>
        void key(const std::string& key, Value& value, const Rule& rule)
        {
            if (const auto* node = table.get(key)) {
                reader.read(name + "." + key, *node, value, rule);
            }
        }
    };

    void read(const std::string& name, const toml::node& node, std::vector<std::string>& value,
              const keys::Texts& rule)
    {
        const auto* list = node.as_array();
        if (list == nullptr) return complain(name, node, shown(node), "a list of strings");
        std::vector<std::string> texts;
        for (const auto& item : *list) {
            read(name, item, texts.emplace_back(), keys::Text{rule.rule});
        }
        value = std::move(texts);
    }

    template <class Number>
    void read(const std::string& name, const toml::node& node, Number& value,
              const keys::Count& rule)
    {
        const auto* number = node.as_integer();
        if (number == nullptr || !is_within(number->get(), rule)) {
            const auto limits = between(std::to_string(rule.least), std::to_string(rule.most));
            return complain(name, node, shown(node), "an integer" + limits);
        }
        value = static_cast<Number>(number->get());
    }

    template <class Period>
    void read(const std::string& name, const toml::node& node,
              std::chrono::duration<std::int64_t, Period>& value, const keys::Duration& rule)
    {
        using Value = std::chrono::duration<std::int64_t, Period>;
        std::optional<std::chrono::milliseconds> duration;
        if (const auto* text = node.as_string()) duration = parse_duration(text->get());
        const bool good = duration && *duration >= rule.least && *duration <= rule.most &&
                          std::chrono::floor<Value>(*duration) == *duration;
        if (!good) {
            const auto limits = between(format_duration(rule.least), format_duration(rule.most));
            const char* whole = Value(1) == std::chrono::seconds(1) ? " in whole seconds" : "";
            return complain(name, node, shown(node),
                            "a duration" + limits + whole +
                                R"(, a string with its unit such as "500ms", "2s" or "1m")");
        }
        value = std::chrono::floor<Value>(*duration);
    }

    static bool is_table(const toml::node& node) { return node.is_table(); }

    /// Whether its values are tables, each under its own [[name]].
    static bool is_list(std::string_view name)
    {
        return name == "http.tokens" || name == "notify.tags";
    }

    static bool is_within(std::int64_t number, const keys::Count& rule)
    {
        return number >= 0 && static_cast<std::size_t>(number) >= rule.least &&
               static_cast<std::size_t>(number) <= rule.most;
    }

    static std::string too_short(const std::string& secret, std::size_t least)
    {
        return "found " + std::to_string(secret.size()) + " characters, expected at least " +
               std::to_string(least) + "; make one with: openssl rand -hex 32";
    }

    const toml::node* find(const std::string& name) const
    {
        const auto dot = name.find('.');
        if (dot == name.npos) return root_.get(name);
        const auto* table = root_.get_as<toml::table>(name.substr(0, dot));
        return table == nullptr ? nullptr : table->get(name.substr(dot + 1));
    }

    /// As find(), of a key that is being read.
    const toml::node* take(const std::string& name)
    {
        note_origin(name);
        return find(name);
    }

    void note_origin(const std::string& name)
    {
        const auto* node = find(name);
        if (node == nullptr) return;
        const auto elsewhere = overlaid_.origins.find(name);
        origins_[name] = elsewhere != overlaid_.origins.end()
                             ? elsewhere->second
                             : file_ + ":" + std::to_string(node->source().begin.line);
    }

    void complain(const std::string& name, const toml::node& node, std::string_view found,
                  const std::string& expected)
    {
        std::string text = "key '" + name + "': found ";
        text.append(found).append(", expected ").append(expected);
        problems_.push_back({node.source().begin, std::move(text), name});
    }

    void read(const std::string& name, const toml::node& node, std::string& value,
              const keys::Text& rule)
    {
        const auto* text = node.as_string();
        if (text == nullptr) {
            const auto expected = rule.rule("");
            return complain(name, node, shown(node),
                            "a string" + (expected ? ": " + *expected : std::string()));
        }
        if (const auto expected = rule.rule(text->get())) {
            return complain(name, node, shown(node), *expected);
        }
        value = text->get();
    }

    /// A secret of the file: never shown in a message.
    void read_secret(const std::string& name, const toml::node* node, const std::string& file_key,
                     const toml::node* file_node, std::string& value, std::size_t least)
    {
        const auto given = secret_text(name, node);
        const auto file = secret_text(file_key, file_node);
        if (!given.empty() && !file.empty()) {
            return complain(file_key, *file_node, "both",
                            "either '" + name + "' or '" + file_key + "'");
        }
        if (!given.empty()) {
            if (!overlaid_.origins.contains(name)) has_secret_ = true;
            value = given;
            if (given.size() < least) {
                problems_.push_back(
                    {node->source().begin, "key '" + name + "': " + too_short(given, least), name});
            }
        }
        if (!file.empty()) read_secret_file(file_key, *file_node, file, value, least);
    }

    std::string secret_text(const std::string& name, const toml::node* node)
    {
        if (node == nullptr) return "";
        const auto* text = node->as_string();
        if (text != nullptr) return text->get();
        complain(name, *node, type_of(*node), "a string");
        return "";
    }

    void read_secret_file(const std::string& name, const toml::node& node, const std::string& file,
                          std::string& value, std::size_t least)
    {
        const auto path = std::filesystem::path(file_).parent_path() / file;
        const auto wrong = [&](const std::string& what) {
            problems_.push_back(
                {node.source().begin, "key '" + name + "': " + path.string() + ": " + what, name});
        };
        auto text = read_file(path, largest_secret);
        if (!text) return wrong(text.error().message);
        if (text->ends_with('\n')) text->pop_back();
        if (text->ends_with('\r')) text->pop_back();
        if (text->empty()) return wrong("is empty, expected the secret in one line");
        const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20; };
        if (std::any_of(text->begin(), text->end(), is_control)) {
            return wrong(
                "has more than one line or control characters, expected the secret in one line");
        }
        if (text->size() < least) return wrong(too_short(*text, least));
        if (is_readable_by_all(path)) {
            warnings_.push_back(path.string() +
                                ": every user of this machine can read this secret; chmod o-r it");
        }
        value = *text;
    }

    void read_token(const std::string& name, const toml::table& table,
                    std::vector<Config::Http::Token>& tokens)
    {
        using Role = Config::Http::Role;
        static constexpr std::array<std::pair<std::string_view, Role>, 4> roles{
            {{"read", Role::read},
             {"operate", Role::operate},
             {"admin", Role::admin},
             {"owner", Role::owner}}};
        const auto problems_before = problems_.size();
        Config::Http::Token token;

        const auto* title = table.get("name");
        if (title == nullptr || title->value_or(std::string()).empty()) {
            complain(name + ".name", title == nullptr ? table : *title, "none",
                     "a name for the token, which shows up in the history of changes");
        } else {
            read(name + ".name", *title, token.name, keys::Text{keys::any_text});
        }

        const auto* role = table.get("role");
        const auto role_name = role == nullptr ? std::string() : role->value_or(std::string());
        const auto* known = std::find_if(roles.begin(), roles.end(), [&](const auto& entry) {
            return entry.first == role_name;
        });
        if (known == roles.end()) {
            complain(name + ".role", role == nullptr ? table : *role,
                     role == nullptr ? "none" : shown(*role),
                     R"("read", "operate", "admin" or "owner")");
        } else {
            token.role = known->second;
        }

        read_secret(name + ".token", table.get("token"), name + ".token_file",
                    table.get("token_file"), token.secret, keys::least_secret);
        if (token.secret.empty() && problems_.size() == problems_before) {
            complain(name + ".token", table, "none", "'token' or 'token_file'");
        }
        tokens.push_back(std::move(token));
    }

    void report_unknown(const toml::table& table, const std::string& prefix)
    {
        for (const auto& [key, node] : table) {
            const std::string name = prefix + std::string(key.str());
            const bool is_key = std::find(known_.begin(), known_.end(), name) != known_.end();
            const bool is_prefix =
                std::any_of(known_.begin(), known_.end(),
                            [&](const auto& known) { return known.starts_with(name + "."); });
            if (is_key) continue;
            if (!is_prefix) {
                problems_.push_back({key.source().begin,
                                     "key '" + name + "': found an unknown " +
                                         (node.is_table() ? "table" : "key") +
                                         suggestion(name, known_),
                                     ""});
            } else if (const auto* inner = node.as_table()) {
                report_unknown(*inner, name + ".");
            } else if (const auto* list = node.as_array(); is_list(name) && list != nullptr) {
                for (const auto& item : *list) {
                    if (const auto* entry = item.as_table()) report_unknown(*entry, name + ".");
                }
            } else if (!is_list(name)) {
                complain(name, node, shown(node), "a table: [" + name + "]");
            }
        }
    }

    const toml::table& root_;
    std::string file_;
    const Overlaid& overlaid_;
    const std::vector<std::string> known_ = config_keys();
    std::vector<Problem> problems_;
    std::vector<std::string> warnings_;
    std::map<std::string, std::string> origins_;
    bool has_secret_ = false;
};

std::string default_data_dir(const Environment& environment)
{
    const auto variable = [&](const std::string& name) {
        const auto found = environment.find(name);
        return found == environment.end() ? std::string() : found->second;
    };
    // systemd lists all of them, separated by colons.
    if (const std::string folders = variable("STATE_DIRECTORY"); !folders.empty()) {
        return folders.substr(0, folders.find(':'));
    }
    if (const std::string state = variable("XDG_STATE_HOME"); state.starts_with('/')) {
        return state + "/peercron";
    }
    if (const std::string home = variable("HOME"); home.starts_with('/')) {
        return home + "/.local/state/peercron";
    }
    return "/var/lib/peercron";
}

}  // namespace

Environment process_environment()
{
    Environment variables;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        const std::string_view text = *variable;
        const auto equals = text.find('=');
        if (equals == std::string_view::npos) continue;
        variables.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    return variables;
}

std::string Config::journal_file() const
{
    const auto is_plain = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '.' || c == '-';
    };
    std::string name = node_name();
    for (char& c : name) {
        if (!is_plain(c)) c = '_';
    }
    return (exec.journal_dir.empty() ? data_dir : exec.journal_dir) + "/journal-" + name;
}

Result<Config> Config::parse(std::string_view text, const std::string& file_name,
                             const ConfigSources& sources)
{
    toml::table root;
    try {
        root = parse_toml(text, file_name);
    } catch (const toml::parse_error& error) {
        const auto place = error.source().begin;
        return Error{file_name + ":" + std::to_string(place.line) + ":" +
                     std::to_string(place.column) +
                     ": cannot be read as TOML: " + std::string(error.description())};
    }
    const Overlaid overlaid = lay_over(root, sources);
    Config config;
    Reader reader(root, file_name, overlaid);
    keys::visit(config, reader);
    reader.report_unknown_keys();
    config.origins = std::move(reader.origins());
    choose_mode(config);
    if (config.data_dir.empty()) config.data_dir = default_data_dir(sources.environment);
    for (const auto& [key, message] : contradictions(config)) {
        // One with a default in the place of what could not be read is not the writer's.
        if (!reader.is_bad(key) && !reader.names_bad(message)) reader.complain(key, message);
    }
    if (!config.mysql.socket.empty() && reader.is_given("mysql_host")) {
        reader.complain("mysql.socket", "found together with 'mysql_host', expected one of them");
    }
    if (auto problems = reader.problems(); !problems.empty()) return Error{std::move(problems)};

    config.mysql.charset = "utf8mb4";
    config.warnings = std::move(reader.warnings());
    if (reader.has_secret() && is_readable_by_all(file_name)) {
        config.warnings.push_back(file_name +
                                  ": every user of this machine can read the secrets in this file; "
                                  "chmod o-r it");
    }
    return config;
}

Result<Config> Config::load(const ConfigSources& sources)
{
    if (!sources.file) return parse("", "", sources);
    const auto text = read_file(*sources.file, largest_file);
    if (!text) return Error{sources.file->string() + ": " + text.error().message};
    return parse(*text, sources.file->string(), sources);
}

}  // namespace peercron
