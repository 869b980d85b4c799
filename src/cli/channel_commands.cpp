#include "cli/channel_commands.hpp"

#include "cli/answer_fields.hpp"
#include "cli/channel_file.hpp"
#include "cli/moments.hpp"
#include "cli/table.hpp"
#include "cli/text_width.hpp"
#include "model/notice_channel.hpp"
#include "schedule/quote.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

namespace json = boost::json;

namespace {

struct ChannelOptions : ApiOptions {
    std::string channel;
    std::vector<std::string> settings;  ///< NAME=VALUE each
    json::object fields;                ///< other parameters of the API
};

/// Parameters of the API that are no settings: given as one, they would say something else than
/// what stands beside them.
void refuse_parameter(const std::string& name)
{
    struct NotASetting {
        std::string_view name;
        std::string_view instead;
    };
    constexpr std::array<NotASetting, 6> others{{
        {"name", "a channel's name stands before its settings"},
        {"kind", "a channel's kind is given when it is added"},
        {"tags", "--tags gives them"},
        {"every_job", "--every-job says that"},
        {"stop", "--stopped says that"},
        {"id", "a channel is called by its name"},
    }};
    const auto* const other = std::ranges::find(others, name, &NotASetting::name);
    if (other == others.end()) return;
    throw Failure(ExitStatus::usage,
                  fmt::format("{} is no setting of a channel; {}", name, other->instead));
}

/// What was given, as parameters of the API.
json::object fields_of(const ChannelOptions& options)
{
    json::object fields = options.fields;
    std::set<std::string> given;
    for (const std::string& setting : options.settings) {
        const std::size_t equals = setting.find('=');
        if (equals == std::string::npos || equals == 0) {
            throw Failure(
                ExitStatus::usage,
                fmt::format("given {}; NAME=VALUE is allowed, or NAME=@FILE", quote(setting)));
        }
        const std::string name = setting.substr(0, equals);
        refuse_parameter(name);
        const bool is_first = given.insert(name).second;
        if (!is_first) throw Failure(ExitStatus::usage, fmt::format("{}: given twice", name));
        fields[name] = setting_value(name, setting.substr(equals + 1));
    }
    return fields;
}

/// "slack: url\n": a line for each kind.
std::string settings_of_kinds()
{
    std::string text = "Kinds, and the settings they need (and may have):\n";
    for (const ChannelKind& kind : channel_kinds()) {
        std::string needed;
        std::string more;
        for (const ChannelSetting& setting : kind.settings) {
            std::string& names = setting.is_required ? needed : more;
            names += fmt::format("{}{}", names.empty() ? "" : ", ", setting.name);
        }
        if (!more.empty()) more = fmt::format(" ({})", more);
        text += fmt::format("{}: {}{}\n", kind.name, needed, more);
    }
    return text;
}

void add_settings(CLI::App& command, ChannelOptions& options)
{
    command
        .add_option("SETTINGS", options.settings,
                    "NAME=VALUE, or NAME=@FILE: the value is what the file has")
        ->type_name("");
    const std::function<void(const std::string&)> tags = [&options](const std::string& given) {
        options.fields["tags"] = given;
    };
    command
        .add_option_function("--tags", tags,
                             "Jobs with one of these tags use it, unless they name channels; '' is "
                             "none")
        ->type_name("TAGS");
    const auto flag = [&](const char* names, const char* field, const char* text) {
        command.add_flag_function(
            names, [&options, field](std::int64_t count) { options.fields[field] = count > 0; },
            text);
    };
    flag("--every-job,!--no-every-job", "every_job", "All jobs use it, unless they name channels");
    flag("--stopped,!--no-stopped", "stop", "Nothing is sent there");
}

json::value find_channel(ApiClient& client, const std::string& name)
{
    const json::value list = client.get("/channel/list");
    for (const json::value& channel : rows_of(list)) {
        if (AnswerFields(channel).text("name") == name) return channel;
    }
    throw Failure(ExitStatus::not_found,
                  fmt::format("there is no channel named {}; `peercron channel list` shows all",
                              quote(name)));
}

std::string id_of_channel(ApiClient& client, const std::string& name)
{
    return AnswerFields(find_channel(client, name)).number_text("id");
}

std::string settings_line(const json::value& channel)
{
    std::string text;
    const json::value* const settings = channel.as_object().if_contains("settings");
    if (settings == nullptr || !settings->is_object()) return text;
    for (const auto& [name, value] : settings->get_object()) {
        if (!value.is_string()) continue;
        text += fmt::format("{}{}={}", text.empty() ? "" : " ", std::string_view(name),
                            std::string_view(value.get_string()));
    }
    return text;
}

std::string used_by(const AnswerFields& channel)
{
    if (channel.flag("every_job")) return "every job";
    const std::string tags = channel.joined_texts("tags", ",");
    return tags.empty() ? "jobs that name it" : "tags " + tags;
}

std::string channels_text(const json::array& channels, const Screen& screen)
{
    Table table(
        {{"NAME"}, {"KIND"}, {"STATE"}, {"USED BY", false, true}, {"SETTINGS", false, true}});
    for (const json::value& value : channels) {
        const AnswerFields channel(value);
        const bool is_stopped = channel.flag("stop");
        table.add({{channel.text("name")},
                   {channel.text("kind")},
                   {is_stopped ? "stopped" : "in use", is_stopped ? Colour::yellow : Colour::green},
                   {used_by(channel)},
                   {settings_line(value)}});
    }
    return table.empty() ? "there are no channels; `peercron channel add --help` shows how to add "
                           "one\n"
                         : table.text(screen);
}

ExitStatus list_channels(const ChannelOptions& options)
{
    ApiClient client = make_client(options);
    const json::value data = client.get("/channel/list");
    if (options.json) {
        print_json(data);
    } else {
        print(channels_text(rows_of(data), screen_of_stdout()));
    }
    return ExitStatus::done;
}

ExitStatus tell_channel(const ChannelOptions& options, const json::value& channel,
                        std::string_view done)
{
    if (options.json) {
        print_json(channel);
    } else {
        print(fmt::format("channel {} {}\n", one_line(AnswerFields(channel).text("name")), done));
    }
    return ExitStatus::done;
}

ExitStatus add_channel(const ChannelOptions& options)
{
    ApiClient client = make_client(options);
    const json::value channel = client.post("/channel/add", fields_of(options));
    return tell_channel(options, channel, "added; `peercron channel test` tries it");
}

ExitStatus update_channel(const ChannelOptions& options)
{
    json::object fields = fields_of(options);
    if (fields.empty()) {
        throw Failure(ExitStatus::usage, "nothing to change: no setting and no option was given");
    }
    ApiClient client = make_client(options);
    fields["id"] = id_of_channel(client, options.channel);
    const json::value channel = client.post("/channel/update", fields);
    return tell_channel(options, channel, "changed");
}

ExitStatus delete_channel(const ChannelOptions& options)
{
    ApiClient client = make_client(options);
    const json::value channel =
        client.post("/channel/delete/" + id_of_channel(client, options.channel));
    return tell_channel(options, channel, "deleted");
}

ExitStatus test_channel(const ChannelOptions& options)
{
    ApiClient client = make_client(options);
    const json::value data = client.post("/channel/test/" + id_of_channel(client, options.channel));
    const AnswerFields report(data);
    const bool is_sent = report.flag("sent");
    if (options.json) {
        print_json(data);
    } else {
        const Screen screen = screen_of_stdout();
        const auto part = [&](std::string_view title, const std::string& text) {
            if (text.empty()) return;
            print(painted(screen, Colour::bold, title) + '\n' + many_lines(text) + "\n\n");
        };
        part("sent", report.text("request"));
        part("answer", report.text("answer"));
        print(is_sent ? painted(screen, Colour::green, "the message was taken") + '\n'
                      : painted(screen, Colour::red, "the message was not taken") + ": " +
                            one_line(report.text("problem")) + '\n');
    }
    return is_sent ? ExitStatus::done : ExitStatus::failed;
}

std::string deliveries_text(const json::array& deliveries, const Screen& screen)
{
    Table table({{"CREATED"},
                 {"NOTICE"},
                 {"STATE"},
                 {"TRIES", true},
                 {"NEXT TRY"},
                 {"ANSWER", false, true}});
    for (const json::value& value : deliveries) {
        const AnswerFields delivery(value);
        const std::string state = delivery.text("state");
        const Colour colour = state == "sent"      ? Colour::green
                              : state == "waiting" ? Colour::yellow
                                                   : Colour::red;
        table.add({{local_time_text(delivery.millis("created_at"))},
                   {delivery.text("notice")},
                   {state, colour},
                   {delivery.number_text("attempts")},
                   {local_time_text(delivery.millis("due_at"))},
                   {delivery.text("answer")}});
    }
    return table.empty() ? "nothing was sent there yet\n" : table.text(screen);
}

ExitStatus list_deliveries(const ChannelOptions& options)
{
    ApiClient client = make_client(options);
    const json::value data =
        client.get(fmt::format("/channel/{}/deliveries", id_of_channel(client, options.channel)));
    if (options.json) {
        print_json(data);
    } else {
        print(deliveries_text(rows_of(data), screen_of_stdout()));
    }
    return ExitStatus::done;
}

void add_name(CLI::App& command, ChannelOptions& options)
{
    command.add_option("CHANNEL", options.channel, "Its name")->required()->type_name("");
}

void add_field(CLI::App& command, ChannelOptions& options, const char* argument, const char* field,
               const char* text)
{
    const std::function<void(const std::string&)> take =
        [&options, field](const std::string& given) { options.fields[field] = given; };
    command.add_option_function(argument, take, text)->required()->type_name("");
}

}  // namespace

void add_channel_commands(CLI::App& app, Action& chosen)
{
    CLI::App& channel =
        *app.add_subcommand("channel", "Say who is told when jobs do not run as they should");
    channel.footer(
        "Examples:\n"
        "  peercron channel add ops webhook url=https://example.com/hook --every-job\n"
        "  peercron channel test ops");
    channel.require_subcommand(1);

    auto options = std::make_shared<ChannelOptions>();
    add_api_command(channel, chosen, "list", "Show the channels", options, list_channels)
        .footer("Example:\n  peercron channel list");

    options = std::make_shared<ChannelOptions>();
    CLI::App& add = add_api_command(channel, chosen, "add", "Add a channel", options, add_channel);
    std::string kinds;
    for (const ChannelKind& kind : channel_kinds()) {
        kinds += fmt::format("{}{}", kinds.empty() ? "" : ", ", kind.name);
    }
    add_field(add, *options, "NAME", "name", "How jobs name it, of letters, digits, _, - and .");
    const std::string about_kind = "What it is: " + kinds;
    add_field(add, *options, "KIND", "kind", about_kind.c_str());
    add_settings(add, *options);
    add.footer(
        settings_of_kinds() +
        "\nExamples:\n"
        "  peercron channel add ops webhook url=https://example.com/hook --every-job\n"
        "  peercron channel add post mail server=localhost:25 tls=none from=cron@example.com "
        "to=ops@example.com");

    options = std::make_shared<ChannelOptions>();
    CLI::App& update =
        add_api_command(channel, chosen, "update", "Change a channel", options, update_channel);
    add_name(update, *options);
    add_settings(update, *options);
    update.footer(
        "Example:\n"
        "  peercron channel update ops secret=@new-secret old_secret=@secret\n"
        "What is not given stays; NAME= takes a setting out.");

    options = std::make_shared<ChannelOptions>();
    CLI::App& remove =
        add_api_command(channel, chosen, "delete", "Delete a channel", options, delete_channel);
    add_name(remove, *options);
    remove.footer("Example:\n  peercron channel delete ops");

    options = std::make_shared<ChannelOptions>();
    CLI::App& test = add_api_command(channel, chosen, "test",
                                     "Send a message to a channel, and show what came of it",
                                     options, test_channel);
    add_name(test, *options);
    test.footer("Example:\n  peercron channel test ops");

    options = std::make_shared<ChannelOptions>();
    CLI::App& deliveries =
        add_api_command(channel, chosen, "deliveries", "Show the last 100 messages to a channel",
                        options, list_deliveries);
    add_name(deliveries, *options);
    deliveries.footer("Example:\n  peercron channel deliveries ops");
}

}  // namespace peercron
