#include "cli/channel_file.hpp"

#include "cli/answer_fields.hpp"
#include "cli/exit_status.hpp"
#include "cli/input_file.hpp"
#include "schedule/quote.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/array.hpp>

#include <algorithm>
#include <utility>

namespace peercron {

namespace json = boost::json;

namespace {

/// Reads the table of one channel.
class ChannelReader {
public:
    ChannelReader(const std::string& name, const toml::table& table,
                  std::vector<FileMistake>& mistakes)
        : table_(table), mistakes_(mistakes)
    {
        channel_.name = name;
    }

    NoticeChannel read()
    {
        for (const auto& [key, node] : table_) read_key(key.str(), node);
        if (!table_.contains("kind")) {
            complain(table_, fmt::format("the kind is missing: {}", kinds()));
        }
        return std::move(channel_);
    }

private:
    void read_key(std::string_view key, const toml::node& node)
    {
        const bool is_setting = std::ranges::count(channel_setting_names(), key) > 0;
        if (key == "kind") {
            channel_.kind = read_text(key, node);
            const bool is_known = find_channel_kind(channel_.kind) != nullptr;
            if (!is_known && !channel_.kind.empty()) {
                complain(node, fmt::format("key 'kind': found {}, expected one of {}",
                                           quote(channel_.kind), kinds()));
            }
        } else if (key == "every_job") {
            channel_.every_job = read_truth(key, node);
        } else if (key == "stop") {
            channel_.stop = read_truth(key, node);
        } else if (key == "tags") {
            channel_.tags = read_tags(node);
        } else if (is_setting) {
            channel_.settings.emplace(key, read_text(key, node));
        } else {
            complain(node, fmt::format("unknown key {}; allowed are kind, tags, every_job, stop, "
                                       "and the settings of its kind (`peercron channel add "
                                       "--help`)",
                                       quote(key)));
        }
    }

    std::string read_text(std::string_view key, const toml::node& node)
    {
        if (auto text = node.value_exact<std::string>()) return *std::move(text);
        expect(key, node, "a text");
        return {};
    }

    bool read_truth(std::string_view key, const toml::node& node)
    {
        if (const auto truth = node.value_exact<bool>()) return *truth;
        expect(key, node, "true or false");
        return false;
    }

    std::vector<std::string> read_tags(const toml::node& node)
    {
        std::vector<std::string> tags;
        const toml::array* const list = node.as_array();
        for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
            const auto tag = (*list)[i].value_exact<std::string>();
            if (tag) tags.push_back(*tag);
            if (!tag) expect("tags", (*list)[i], "a text");
        }
        if (list == nullptr) expect("tags", node, "a list of texts, as [\"one\", \"two\"]");
        return tags;
    }

    static std::string kinds()
    {
        std::string names;
        for (const ChannelKind& kind : channel_kinds()) {
            names += fmt::format("{}{}", names.empty() ? "" : ", ", kind.name);
        }
        return names;
    }

    void expect(std::string_view key, const toml::node& node, std::string_view what)
    {
        complain(node,
                 fmt::format("key {}: found {}, expected {}", quote(key), type_of(node), what));
    }

    void complain(const toml::node& node, const std::string& what)
    {
        mistakes_.push_back(
            {node.source().begin, fmt::format("channel {}: {}", quote(channel_.name), what)});
    }

    NoticeChannel channel_;
    const toml::table& table_;
    std::vector<FileMistake>& mistakes_;
};

json::object channel_parameters(const NoticeChannel& channel)
{
    NoticeChannel whole = channel;
    for (auto& [name, value] : whole.settings) {
        value = setting_value(fmt::format("channel {}: {}", quote(channel.name), name), value);
    }
    if (const auto problem = find_problem(whole)) {
        throw Failure(ExitStatus::usage,
                      fmt::format("channel {}: {}", quote(channel.name), *problem));
    }
    json::object fields{{"name", whole.name},
                        {"kind", whole.kind},
                        {"tags", json::array(whole.tags.begin(), whole.tags.end())},
                        {"every_job", whole.every_job},
                        {"stop", whole.stop}};
    for (const ChannelSetting& setting : find_channel_kind(whole.kind)->settings) {
        const auto given = whole.settings.find(setting.name);
        fields[setting.name] = given == whole.settings.end() ? "" : given->second;
    }
    return fields;
}

}  // namespace

std::string_view type_of(const toml::node& node)
{
    if (node.is_table()) return "a table";
    if (node.is_array()) return "a list";
    if (node.is_string()) return "a text";
    if (node.is_integer()) return "an integer";
    if (node.is_floating_point()) return "a fraction";
    if (node.is_boolean()) return "true or false";
    return "a date or a time";
}

NoticeChannel read_file_channel(const std::string& name, const toml::table& table,
                                std::vector<FileMistake>& mistakes)
{
    return ChannelReader(name, table, mistakes).read();
}

std::string setting_value(std::string_view name, const std::string& given)
{
    if (!given.starts_with('@')) return given;
    std::string text;
    try {
        text = read_input(given.substr(1));
    } catch (const Failure& failure) {
        throw Failure(ExitStatus::usage, fmt::format("{}: {}", name, failure.what()));
    }
    text.erase(text.find_last_not_of("\r\n") + 1);
    return text;
}

std::vector<ChannelCall> channel_calls(const std::vector<NoticeChannel>& channels,
                                       const json::value& there)
{
    std::vector<ChannelCall> calls;
    for (const NoticeChannel& channel : channels) {
        calls.push_back({channel.name, true, "/channel/add", channel_parameters(channel)});
    }
    for (const json::value& row : rows_of(there)) {
        const AnswerFields known(row);
        const auto call = std::ranges::find(calls, known.text("name"), &ChannelCall::channel);
        if (call == calls.end()) continue;
        call->is_new = false;
        call->target = "/channel/update";
        call->parameters["id"] = known.number_or("id", 0);
    }
    return calls;
}

}  // namespace peercron
