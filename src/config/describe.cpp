#include "base/units.hpp"
#include "config/config.hpp"
#include "config/keys.hpp"

#include <string_view>
#include <utility>

namespace peercron {
namespace {

std::string toml_string(std::string_view text)
{
    static constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out.append({'\\', c});
        } else if (byte < 0x20 || byte == 0x7f) {
            out.append("\\u00").append({digits[byte >> 4U], digits[byte & 15U]});
        } else {
            out += c;
        }
    }
    return out += '"';
}

std::string_view masked(const std::string& secret)
{
    return secret.empty() ? "" : "********";
}

std::string_view level_name(spdlog::level::level_enum level)
{
    switch (level) {
        case spdlog::level::critical:
            return "fatal";
        case spdlog::level::err:
            return "error";
        case spdlog::level::warn:
            return "warn";
        case spdlog::level::info:
            return "info";
        case spdlog::level::debug:
            return "debug";
        default:
            return "trace";
    }
}

std::string_view role_name(Config::Http::Role role)
{
    switch (role) {
        case Config::Http::Role::read:
            return "read";
        case Config::Http::Role::operate:
            return "operate";
        case Config::Http::Role::admin:
            return "admin";
        default:
            return "owner";
    }
}

class Writer {
public:
    /// @param origins nullptr: none are shown.
    explicit Writer(const std::map<std::string, std::string>* origins) : origins_(origins) {}

    template <class Value>
    void key(std::string_view name, Value value, const keys::Choice<Value>& rule)
    {
        for (const auto& [word, meaning] : rule.words) {
            if (meaning == value) line(name, toml_string(word));
        }
    }
    void key(std::string_view name, const std::string& value, const keys::Text&)
    {
        line(name, toml_string(value));
    }
    void key(std::string_view name, spdlog::level::level_enum value, const keys::Level&)
    {
        line(name, toml_string(level_name(value)));
    }
    void key(std::string_view name, bool value, const keys::Flag&)
    {
        line(name, value ? "true" : "false");
    }
    void key(std::string_view name, std::size_t value, const keys::Count&)
    {
        line(name, std::to_string(value));
    }
    void key(std::string_view name, std::size_t value, const keys::Size&)
    {
        const std::string size = format_size(value);
        line(name, size.ends_with('B') ? toml_string(size) : size);
    }
    void key(std::string_view name, std::chrono::milliseconds value, const keys::Duration&)
    {
        line(name, toml_string(format_duration(value)));
    }
    void key(std::string_view name, const std::string& value, const keys::Secret&)
    {
        line(name, toml_string(masked(value)));
    }
    void key(std::string_view name, const std::vector<std::string>& values, const keys::Texts&)
    {
        std::string list;
        for (const auto& value : values)
            list.append(list.empty() ? "" : ", ").append(toml_string(value));
        line(name, "[" + list + "]");
    }
    /// After all other keys of its table: see tokens().
    void tag_notices(std::string_view key, const std::vector<Config::Notify::Tag>& tags)
    {
        tags_ = tags;
        tags_key_ = key;
    }
    void tokens(std::string_view key, const std::vector<Config::Http::Token>& tokens)
    {
        for (const auto& tag : tags_) {
            text_.append("\n[[").append(tags_key_).append("]]\n");
            EntryWriter entry{*this};
            keys::visit_tag(tag, entry);
        }
        for (const auto& token : tokens) {
            text_.append("\n[[").append(key).append("]]\n");
            assign("name", toml_string(token.name));
            assign("token", toml_string(masked(token.secret)));
            assign("role", toml_string(role_name(token.role)));
        }
    }

    std::string take() { return std::move(text_); }

private:
    /// Writes what is set of a table that is one of several.
    struct EntryWriter {
        Writer& writer;

        template <class Value, class Rule>
        void key(std::string_view name, const Value& value, const Rule& rule)
        {
            if (value == Value{}) return;
            Writer one(nullptr);
            one.key(name, value, rule);
            writer.text_ += one.take();
        }
    };

    void line(std::string_view key, const std::string& value)
    {
        const std::string comment = origin_of(std::string(key));
        const auto dot = key.find('.');
        if (dot != key.npos) {
            const auto table = key.substr(0, dot);
            if (table != table_) text_.append("\n[").append(table).append("]\n");
            table_ = table;
            key.remove_prefix(dot + 1);
        }
        assign(key, value + comment);
    }
    std::string origin_of(const std::string& key) const
    {
        if (origins_ == nullptr) return "";
        const auto found = origins_->find(key);
        return "  # " + (found == origins_->end() ? "default" : found->second);
    }
    void assign(std::string_view key, const std::string& value)
    {
        text_.append(key).append(" = ").append(value).append("\n");
    }

    const std::map<std::string, std::string>* origins_;
    std::string text_;
    std::string_view table_;
    std::vector<Config::Notify::Tag> tags_;
    std::string_view tags_key_;
};

class Lister {
public:
    template <class Value, class Rule>
    void key(const char* name, const Value&, const Rule&)
    {
        all.emplace_back(name);
    }
    void key(const char* name, const std::string&, const keys::Secret& secret)
    {
        all.emplace_back(name);
        all.emplace_back(secret.file_key);
    }
    void tag_notices(const std::string& name, const std::vector<Config::Notify::Tag>&)
    {
        const Config::Notify::Tag tag;
        Lister entry;
        keys::visit_tag(tag, entry);
        for (const std::string& key : entry.all) all.push_back(name + "." + key);
    }
    void tokens(const std::string& name, const std::vector<Config::Http::Token>&)
    {
        for (const char* part : {".name", ".token", ".token_file", ".role"})
            all.push_back(name + part);
    }

    std::vector<std::string> all;
};

/// The values by key, in the order of the file.
class Values {
public:
    template <class Value, class Rule>
    void key(const char* name, const Value& value, const Rule& rule)
    {
        Writer writer(nullptr);
        writer.key(name, value, rule);
        all.emplace_back(name, writer.take());
    }
    void key(const char* name, const std::string& value, const keys::Secret&)
    {
        all.emplace_back(name, value);
    }
    void tag_notices(const char* name, const std::vector<Config::Notify::Tag>& tags)
    {
        Writer writer(nullptr);
        writer.tag_notices(name, tags);
        writer.tokens("", {});
        all.emplace_back(name, writer.take());
    }
    void tokens(const char* name, const std::vector<Config::Http::Token>& tokens)
    {
        std::string text;
        for (const auto& token : tokens) {
            text.append(token.name).append("\n").append(token.secret).append("\n");
            text.append(role_name(token.role)).append("\n");
        }
        all.emplace_back(name, std::move(text));
    }

    std::vector<std::pair<std::string, std::string>> all;
};

}  // namespace

std::vector<std::string> differing_keys(const Config& left, const Config& right)
{
    Values before;
    Values after;
    keys::visit(left, before);
    keys::visit(right, after);
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < before.all.size(); ++i) {
        if (before.all[i] != after.all[i]) keys.push_back(before.all[i].first);
    }
    return keys;
}

std::string describe(const Config& config, Origins origins)
{
    Writer writer(origins == Origins::shown ? &config.origins : nullptr);
    keys::visit(config, writer);
    return writer.take();
}

std::vector<std::string> config_keys()
{
    const Config defaults;
    Lister lister;
    keys::visit(defaults, lister);
    return lister.all;
}

}  // namespace peercron
