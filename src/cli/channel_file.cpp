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
        : table_("channel", name, table, mistakes)
    {
        channel_.name = name;
    }

    NoticeChannel read()
    {
        for (const auto& [key, node] : table_.table()) read_key(key.str(), node);
        if (!table_.table().contains("kind")) {
            table_.complain(table_.table(), fmt::format("the kind is missing: {}", kinds()));
        }
        return std::move(channel_);
    }

private:
    void read_key(std::string_view key, const toml::node& node)
    {
        const bool is_setting = std::ranges::count(channel_setting_names(), key) > 0;
        if (key == "kind") {
            channel_.kind = table_.text(key, node);
            const bool is_known = find_channel_kind(channel_.kind) != nullptr;
            if (!is_known && !channel_.kind.empty()) {
                table_.complain(node, fmt::format("key 'kind': found {}, expected one of {}",
                                                  quote(channel_.kind), kinds()));
            }
        } else if (key == "every_job") {
            channel_.every_job = table_.truth(key, node);
        } else if (key == "stop") {
            channel_.stop = table_.truth(key, node);
        } else if (key == "tags") {
            channel_.tags = table_.texts(key, node);
        } else if (is_setting) {
            channel_.settings.emplace(key, table_.text(key, node));
        } else {
            table_.complain(node,
                            fmt::format("unknown key {}; allowed are kind, tags, every_job, stop, "
                                        "and the settings of its kind (`peercron channel add "
                                        "--help`)",
                                        quote(key)));
        }
    }

    static std::string kinds()
    {
        std::string names;
        for (const ChannelKind& kind : channel_kinds()) {
            names += fmt::format("{}{}", names.empty() ? "" : ", ", kind.name);
        }
        return names;
    }

    NoticeChannel channel_;
    FileTable table_;
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

std::vector<FileCall> channel_calls(const std::vector<NoticeChannel>& channels,
                                    const json::value& there)
{
    std::vector<FileCall> calls;
    for (const NoticeChannel& channel : channels) {
        calls.push_back(
            {"channel", channel.name, true, "/channel/add", channel_parameters(channel)});
    }
    for (const json::value& row : rows_of(there)) {
        const AnswerFields known(row);
        const auto call = std::ranges::find(calls, known.text("name"), &FileCall::name);
        if (call == calls.end()) continue;
        call->is_new = false;
        call->target = "/channel/update";
        call->parameters["id"] = known.number_or("id", 0);
    }
    return calls;
}

}  // namespace peercron
