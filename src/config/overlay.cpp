#include "config/overlay.hpp"

#include "config/keys.hpp"
#include "config/suggestion.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <set>
#include <string_view>

namespace peercron {
namespace {

constexpr std::string_view variable_prefix = "PEERCRON_";

/// Variables of ours that are no keys: the client's, those that a command finds in its
/// environment, and those of the scripts.
constexpr std::array<std::string_view, 16> other_variables{"PEERCRON_URL",
                                                           "PEERCRON_TOKEN",
                                                           "PEERCRON_JOB_ID",
                                                           "PEERCRON_ATTEMPT",
                                                           "PEERCRON_LAST_ATTEMPT",
                                                           "PEERCRON_SCHEDULED_AT",
                                                           "PEERCRON_SCHEDULED_AT_MS",
                                                           "PEERCRON_NODE",
                                                           "PEERCRON_EPOCH",
                                                           "PEERCRON_SHARD",
                                                           "PEERCRON_SHARDS",
                                                           "PEERCRON_REHEARSAL",
                                                           "PEERCRON_CONSUL",
                                                           "PEERCRON_BINARY",
                                                           "PEERCRON_TEST_URL",
                                                           "PEERCRON_TEST_DIR"};

std::optional<std::int64_t> whole_number(const std::string& text)
{
    std::int64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    if (text.empty() || rest != end || error != std::errc()) return std::nullopt;
    return number;
}

std::string trimmed(std::string_view text)
{
    const auto first = text.find_first_not_of(' ');
    if (first == std::string_view::npos) return "";
    return std::string(text.substr(first, text.find_last_not_of(' ') - first + 1));
}

/// Visits the keys, and puts the value that each has from elsewhere into the table.
class Layer {
public:
    Layer(toml::table& root, const ConfigSources& sources, Overlaid& result)
        : root_(root), environment_(sources.environment), result_(result)
    {
        for (const std::string& setting : sources.settings) read_setting(setting);
    }

    template <class Value>
    void key(const std::string& name, const Value&, const keys::Text&)
    {
        if (const auto text = take(name)) put(name, *text);
    }
    template <class Value>
    void key(const std::string& name, const Value&, const keys::Choice<Value>&)
    {
        if (const auto text = take(name)) put(name, *text);
    }
    template <class Value>
    void key(const std::string& name, const Value&, const keys::Duration&)
    {
        if (const auto text = take(name)) put(name, *text);
    }
    template <class Value>
    void key(const std::string& name, const Value&, const keys::Texts&)
    {
        const auto text = take(name);
        if (!text) return;
        toml::array list;
        for (std::string_view rest = *text; !rest.empty();) {
            const auto comma = rest.find(',');
            list.push_back(trimmed(rest.substr(0, comma)));
            rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
        }
        put(name, std::move(list));
    }
    template <class Value>
    void key(const std::string& name, const Value&, const keys::Flag&)
    {
        const auto text = take(name);
        if (!text) return;
        if (*text == "true" || *text == "1") return put(name, true);
        if (*text == "false" || *text == "0") return put(name, false);
        put(name, *text);
    }
    template <class Value>
    void key(const std::string& name, const Value&, const keys::Count&)
    {
        put_number_or_text(name);
    }
    template <class Value>
    void key(const std::string& name, const Value&, const keys::Size&)
    {
        put_number_or_text(name);
    }
    template <class Value>
    void key(const std::string& name, const Value&, const keys::Level&)
    {
        put_number_or_text(name);
    }
    /// The secret and the file that has it stand for the same: the later source wins, whichever of
    /// the two it names.
    template <class Value>
    void key(const std::string& name, const Value&, const keys::Secret& rule)
    {
        const std::string file_key = rule.file_key;
        const bool from_settings = settings_.contains(name) || settings_.contains(file_key);
        const bool from_variables = has_variable(name) || has_variable(file_key);
        if (!from_settings && !from_variables) return;
        remove(name);
        remove(file_key);
        for (const std::string& one : {name, file_key}) {
            const bool here = from_settings ? settings_.contains(one) : has_variable(one);
            const auto text = take(one);
            if (here && text) put(one, *text);
        }
    }
    void tag_notices(const std::string&, const std::vector<Config::Notify::Tag>&) {}
    void tokens(const std::string&, const std::vector<Config::Http::Token>&) {}

    /// To be called when all keys were visited.
    void report_unknown()
    {
        const std::vector<std::string> known = config_keys();
        for (const auto& [name, text] : settings_) {
            const auto is_in = [&name = name](const std::string& list) {
                return name == list || name.starts_with(list + ".");
            };
            const bool is_list = is_in("http.tokens") || is_in("notify.tags");
            result_.problems.push_back(
                is_list ? "--set " + name + ": a list of tables comes from the file only"
                        : "--set " + name + ": found an unknown key" + suggestion(name, known));
        }
        std::vector<std::string> variables;
        for (const std::string& key : known) variables.push_back(variable_of(key));
        for (const auto& [name, text] : environment_) {
            const bool is_other = std::find(other_variables.begin(), other_variables.end(), name) !=
                                  other_variables.end();
            if (!name.starts_with(variable_prefix) || is_other) continue;
            if (std::find(variables.begin(), variables.end(), name) != variables.end()) continue;
            const std::string meant = suggestion(name, variables);
            if (!meant.empty()) {
                result_.warnings.push_back("the variable " + name + " belongs to no key" + meant);
            }
        }
    }

private:
    void read_setting(const std::string& setting)
    {
        const auto equals = setting.find('=');
        if (equals == std::string::npos) {
            result_.problems.push_back("--set " + setting +
                                       ": found no '=', expected key=value, such as "
                                       "log_level=debug or dispatch.lookahead=5s");
            return;
        }
        settings_[trimmed(setting.substr(0, equals))] = setting.substr(equals + 1);
    }

    bool has_variable(const std::string& name) const
    {
        const auto found = environment_.find(variable_of(name));
        return found != environment_.end() && !found->second.empty();
    }

    /// The value of the last source that has one; notes where it comes from.
    std::optional<std::string> take(const std::string& name)
    {
        if (auto setting = settings_.extract(name)) {
            result_.origins[name] = "--set";
            return std::move(setting.mapped());
        }
        if (!has_variable(name)) return std::nullopt;
        result_.origins[name] = variable_of(name);
        return environment_.at(variable_of(name));
    }

    void put_number_or_text(const std::string& name)
    {
        const auto text = take(name);
        if (!text) return;
        if (const auto number = whole_number(*text)) return put(name, *number);
        put(name, *text);
    }

    template <class Value>
    void put(const std::string& name, Value value)
    {
        if (toml::table* const table = table_of(name)) {
            table->insert_or_assign(last_part(name), std::move(value));
        }
    }

    void remove(const std::string& name)
    {
        if (toml::table* const table = table_of(name)) table->erase(last_part(name));
    }

    static std::string last_part(const std::string& name)
    {
        return name.substr(name.find('.') + 1);
    }

    /// Where the key belongs; nullptr when the file has something else there, which is refused
    /// anyway.
    toml::table* table_of(const std::string& name)
    {
        const auto dot = name.find('.');
        if (dot == std::string::npos) return &root_;
        const std::string table = name.substr(0, dot);
        if (!root_.contains(table)) root_.insert(table, toml::table());
        return root_.get_as<toml::table>(table);
    }

    toml::table& root_;
    const Environment& environment_;
    Overlaid& result_;
    std::map<std::string, std::string> settings_;
};

}  // namespace

std::string variable_of(std::string_view key)
{
    std::string variable(variable_prefix);
    for (const char c : key) {
        variable += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    return variable;
}

Overlaid lay_over(toml::table& root, const ConfigSources& sources)
{
    Overlaid result;
    Layer layer(root, sources, result);
    const Config defaults;
    keys::visit(defaults, layer);
    layer.report_unknown();
    return result;
}

}  // namespace peercron
