#include "model/notice_channel.hpp"

#include "base/utf8.hpp"
#include "model/tags.hpp"
#include "model/text_form.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/url/parse.hpp>
#include <boost/url/pct_string_view.hpp>

#include <algorithm>
#include <functional>

namespace peercron {
namespace {

using Secrecy = ChannelSetting::Secrecy;

constexpr std::string_view hidden = "***";
constexpr std::size_t longest_setting = 4096;  // bytes
constexpr std::size_t longest_name = 64;

bool is_plain(std::string_view text)
{
    return std::ranges::all_of(
        text, [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != '\x7f'; });
}

bool is_web_address(std::string_view text)
{
    const auto url = boost::urls::parse_uri(text);
    return url && (url->scheme() == "http" || url->scheme() == "https") && !url->host().empty() &&
           !url->has_userinfo();
}

bool is_word(std::string_view text)
{
    return !text.empty() && is_plain(text) && text.find(' ') == std::string_view::npos;
}

bool is_text(std::string_view text)
{
    return !text.empty() && is_plain(text);
}

bool is_program(std::string_view text)
{
    return text.starts_with('/') && !text.ends_with('/') && is_plain(text);
}

bool is_format(std::string_view text)
{
    return text == "json" || text == "cloudevents";
}

bool is_tls(std::string_view text)
{
    return text == "starttls" || text == "tls" || text == "none";
}

bool is_tls_or_none(std::string_view text)
{
    return text == "tls" || text == "none";
}

/// Of AMQP 0-9-1: at most 255 bytes.
bool is_short_text(std::string_view text)
{
    constexpr std::size_t longest = 255;
    return text.size() <= longest && is_text(text);
}

/// "host" or "host:port".
bool is_server(std::string_view text)
{
    const auto authority = boost::urls::parse_authority(text);
    return authority && !authority->host().empty() && !authority->has_userinfo() &&
           text.find('/') == std::string_view::npos;
}

bool is_mail_address(std::string_view text)
{
    const std::size_t at = text.find('@');
    return is_word(text) && at != 0 && at != std::string_view::npos && at + 1 < text.size() &&
           text.find_first_of("<>,;\"") == std::string_view::npos;
}

bool are_mail_addresses(std::string_view text)
{
    for (;;) {
        const std::size_t comma = std::min(text.find(','), text.size());
        std::string_view one = text.substr(0, comma);
        while (one.starts_with(' ')) one.remove_prefix(1);
        while (one.ends_with(' ')) one.remove_suffix(1);
        if (!is_mail_address(one)) return false;
        if (comma == text.size()) return true;
        text.remove_prefix(comma + 1);
    }
}

constexpr std::string_view web_address =
    "an address that begins with http:// or https://, without a user name";

ChannelSetting url_setting(std::string_view about)
{
    return {"url", Secrecy::url, true, about, web_address, is_web_address};
}

/// The same where there is a usual one.
ChannelSetting server_setting(std::string_view about)
{
    ChannelSetting setting = url_setting(about);
    setting.is_required = false;
    return setting;
}

std::vector<ChannelKind> make_kinds()
{
    constexpr std::string_view word = "a text without spaces";
    return {
        {"webhook",
         "a POST with JSON to any server, signed as Standard Webhooks has it",
         {url_setting("where it goes"),
          {"secret", Secrecy::secret, false,
           "the message is signed with it: `whsec_` and base64, or any text", word, is_word},
          {"old_secret", Secrecy::secret, false,
           "a second signature with this one, while the receiver changes to a new secret", word,
           is_word},
          {"format", Secrecy::open, false, "json (the default) or cloudevents",
           "json or cloudevents", is_format}}},
        {"mail",
         "a mail",
         {{"server", Secrecy::open, true, "the mail server, as smtp.example.com:587",
           "HOST or HOST:PORT", is_server},
          {"tls", Secrecy::open, false,
           "starttls (the default), tls (from the beginning, port 465), or none",
           "starttls, tls or none", is_tls},
          {"user", Secrecy::open, false, "who logs in there; empty is nobody", "a text", is_text},
          {"password", Secrecy::secret, false, "with which password", "a text", is_text},
          {"from", Secrecy::open, true, "the sender's address", "an address, as cron@example.com",
           is_mail_address},
          {"to", Secrecy::open, true, "the addresses, with commas between",
           "addresses with commas between, as ops@example.com", are_mail_addresses}},
         true},
        {"slack",
         "an incoming webhook of Slack",
         {url_setting("the address of the webhook")},
         true},
        {"teams",
         "a workflow of Microsoft Teams that posts what a webhook gets",
         {url_setting("the address of the workflow")},
         true},
        {"discord", "a webhook of Discord", {url_setting("the address of the webhook")}, true},
        {"telegram",
         "a bot of Telegram",
         {{"token", Secrecy::secret, true, "the bot's token", word, is_word},
          {"chat", Secrecy::open, true, "the id of the chat, or @ and the name of a channel", word,
           is_word},
          server_setting("a Bot API server of one's own")},
         true},
        {"ntfy",
         "a topic of ntfy",
         {url_setting("the address of the topic, https://ntfy.sh/TOPIC"),
          {"token", Secrecy::secret, false, "an access token", word, is_word}},
         true},
        {"dingtalk",
         "a custom robot of DingTalk",
         {url_setting("the address of the robot"),
          {"secret", Secrecy::secret, false, "with which it is signed, where the robot wants that",
           word, is_word}},
         true},
        {"feishu",
         "a custom bot of Feishu or Lark",
         {url_setting("the address of the bot"),
          {"secret", Secrecy::secret, false, "with which it is signed, where the bot wants that",
           word, is_word}},
         true},
        {"wecom", "a robot of a group of WeCom", {url_setting("the address of the robot")}, true},
        {"pagerduty",
         "an incident of PagerDuty for each job",
         {{"key", Secrecy::secret, true, "the integration key (Events API v2)", word, is_word},
          server_setting("https://events.eu.pagerduty.com/v2/enqueue in its European region")}},
        {"alertmanager",
         "alerts of Prometheus' Alertmanager",
         {url_setting("the address of the Alertmanager, without /api")}},
        {"ping",
         "a check of healthchecks.io, or of what speaks like it",
         {url_setting("the address of the check")}},
        {"amqp",
         "an exchange of RabbitMQ, or of another broker that speaks AMQP 0-9-1",
         {{"server", Secrecy::open, true, "the broker, as rabbit.example.com", "HOST or HOST:PORT",
           is_server},
          {"tls", Secrecy::open, false, "tls (the default, port 5671) or none (port 5672)",
           "tls or none", is_tls_or_none},
          {"user", Secrecy::open, true, "who logs in there", "a text", is_text},
          {"password", Secrecy::secret, true, "with which password", "a text", is_text},
          {"vhost", Secrecy::open, false, "the virtual host; without one: /", "a text",
           is_short_text},
          {"exchange", Secrecy::open, false,
           "without one the message goes to the queue that routing_key names", "a text",
           is_short_text},
          {"routing_key", Secrecy::open, true, "the routing key", "a text", is_short_text}}},
        {"command",
         "a program of the node",
         {{"program", Secrecy::open, true,
           "the file, as the nodes' [notify] commands have it; gets the notice as JSON",
           "a path from the root, as /etc/peercron/page", is_program}}},
    };
}

/// "https://hooks.example.com/***".
std::string without_path(const std::string& url)
{
    const std::size_t host = url.find("://") + 3;
    const std::size_t end = url.find_first_of("/?#", host);
    const bool has_none = end == std::string::npos || end + 1 == url.size();
    if (has_none) return url;
    return url.substr(0, end + 1) + std::string(hidden);
}

/// A text that is not to be seen, and what is shown instead.
struct Hidden {
    std::string secret;
    std::string shown;
};

/// What servers repeat of an address: what stands behind the host, with or without its query, the
/// last part of it, and the values of the query; as they are written, and as they are meant.
/// @param tail what stands behind the host.
void add_parts(std::string_view tail, std::vector<Hidden>& all)
{
    constexpr std::size_t shortest_secret = 6;
    const auto add = [&all](std::string_view part, std::string_view shown) {
        all.push_back({std::string(part), std::string(shown)});
        const auto encoded = boost::urls::make_pct_string_view(part);
        if (encoded && encoded->decoded_size() < part.size()) {
            all.push_back({encoded->decode(), std::string(shown)});
        }
    };
    const auto add_long = [&add](std::string_view part, std::string_view shown = hidden) {
        if (part.size() >= shortest_secret) add(part, shown);
    };
    constexpr std::string_view shown_path = "/***";
    add(tail, shown_path);
    add_long(tail.substr(tail.rfind('/') + 1));
    const std::size_t path_end = std::min(tail.find_first_of("?#"), tail.size());
    const std::string_view path = tail.substr(0, path_end);
    add_long(path, shown_path);
    add_long(path.substr(path.rfind('/') + 1));
    std::string_view rest = tail.substr(path_end);
    while (!rest.empty()) {
        rest.remove_prefix(1);
        const std::string_view one = rest.substr(0, rest.find_first_of("&#"));
        add_long(one.substr(one.find('=') + 1));  // all of it where there is no name
        rest.remove_prefix(one.size());
    }
}

std::optional<std::string> find_problem_of(const ChannelSetting& setting, const std::string& value)
{
    if (value.find(hidden) != std::string::npos && setting.secrecy != Secrecy::open) {
        return fmt::format(
            "{}: given {}, which is how a secret is shown; leave it out to keep the one there is",
            setting.name, hidden);
    }
    if (value.size() > longest_setting) {
        return fmt::format("{}: given {} bytes; at most {} are allowed", setting.name, value.size(),
                           longest_setting);
    }
    if (setting.fits(value)) return std::nullopt;
    const bool is_shown = setting.secrecy == Secrecy::open;
    return fmt::format("{}: given {}; {} is allowed", setting.name,
                       is_shown ? quote_utf8(value) : "something else", setting.allowed);
}

std::string names_of_kinds()
{
    std::string names;
    for (const ChannelKind& kind : channel_kinds()) {
        names += fmt::format("{}{}", names.empty() ? "" : ", ", kind.name);
    }
    return names;
}

std::string names_of_settings(const ChannelKind& kind)
{
    std::string names;
    for (const ChannelSetting& setting : kind.settings) {
        names += fmt::format("{}{}", names.empty() ? "" : ", ", setting.name);
    }
    return names;
}

}  // namespace

const std::vector<ChannelKind>& channel_kinds()
{
    static const std::vector<ChannelKind> kinds = make_kinds();
    return kinds;
}

const ChannelKind* find_channel_kind(std::string_view name)
{
    const auto& kinds = channel_kinds();
    const auto found = std::ranges::find(kinds, name, &ChannelKind::name);
    return found == kinds.end() ? nullptr : &*found;
}

const std::vector<std::string_view>& channel_setting_names()
{
    static const std::vector<std::string_view> names = [] {
        std::vector<std::string_view> all;
        for (const ChannelKind& kind : channel_kinds()) {
            for (const ChannelSetting& setting : kind.settings) {
                if (std::ranges::count(all, setting.name) == 0) all.push_back(setting.name);
            }
        }
        return all;
    }();
    return names;
}

std::optional<std::string> find_problem(const NoticeChannel& channel)
{
    if (channel.name.size() > longest_name || !channel_form.fits(channel.name) ||
        channel.name == no_channel) {
        return fmt::format("name: given {}; {} at most {} of them, and not `{}`, is allowed",
                           quote_utf8(channel.name), channel_form.allowed, longest_name,
                           no_channel);
    }
    const ChannelKind* const kind = find_channel_kind(channel.kind);
    if (kind == nullptr) {
        return fmt::format("kind: given {}; {} are allowed", quote_utf8(channel.kind),
                           names_of_kinds());
    }
    for (const ChannelSetting& setting : kind->settings) {
        const auto value = channel.settings.find(setting.name);
        if (value == channel.settings.end()) {
            if (!setting.is_required) continue;
            return fmt::format("{}: missing; a channel of kind {} needs it: {}", setting.name,
                               kind->name, setting.about);
        }
        if (auto problem = find_problem_of(setting, value->second)) return problem;
    }
    for (const auto& [name, value] : channel.settings) {
        if (std::ranges::count(kind->settings, name, &ChannelSetting::name) > 0) continue;
        return fmt::format("{}: a channel of kind {} has no such setting; it has {}", name,
                           kind->name, names_of_settings(*kind));
    }
    return std::nullopt;
}

std::map<std::string, std::string, std::less<>> shown_settings(const NoticeChannel& channel)
{
    auto shown = channel.settings;
    const ChannelKind* const kind = find_channel_kind(channel.kind);
    for (auto& [name, value] : shown) {
        const auto is_this = [&wanted = name](const ChannelSetting& setting) {
            return setting.name == wanted;
        };
        // One of a kind that this version does not know may be anything.
        Secrecy secrecy = Secrecy::secret;
        if (kind != nullptr) {
            const auto found = std::ranges::find_if(kind->settings, is_this);
            if (found != kind->settings.end()) secrecy = found->secrecy;
        }
        if (secrecy == Secrecy::secret) value = hidden;
        if (secrecy == Secrecy::url) value = without_path(value);
    }
    return shown;
}

std::string without_secrets(const NoticeChannel& channel, std::string text)
{
    std::vector<Hidden> all;
    for (const auto& [name, shown] : shown_settings(channel)) {
        const std::string& value = channel.settings.find(name)->second;
        if (value == shown || value.empty()) continue;
        all.push_back({value, shown});
        const std::size_t shown_path = shown.rfind(hidden);
        const bool is_address = shown_path != std::string::npos && shown_path > 0;
        if (is_address) add_parts(std::string_view(value).substr(shown_path - 1), all);
    }
    // Or a part that stands in a longer one would leave the rest of it.
    std::ranges::stable_sort(all, std::ranges::greater(),
                             [](const Hidden& one) { return one.secret.size(); });
    for (const auto& [secret, shown] : all) {
        for (std::size_t at = text.find(secret); at != std::string::npos;
             at = text.find(secret, at + shown.size())) {
            text.replace(at, secret.size(), shown);
        }
    }
    return text;
}

std::vector<std::int64_t> channels_of(const std::vector<std::string>& notify,
                                      const std::vector<std::string>& tags,
                                      std::span<const NoticeChannel> channels)
{
    std::vector<std::int64_t> ids;
    const auto shares_tag = [&tags](const NoticeChannel& channel) {
        return std::ranges::any_of(channel.tags,
                                   [&tags](const std::string& tag) { return has_tag(tags, tag); });
    };
    for (const NoticeChannel& channel : channels) {
        if (channel.stop) continue;
        const bool is_told = notify.empty() ? channel.every_job || shares_tag(channel)
                                            : std::ranges::count(notify, channel.name) > 0;
        if (is_told) ids.push_back(channel.id);
    }
    return ids;
}

}  // namespace peercron
