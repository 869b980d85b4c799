#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// A place that notices are sent to.
struct NoticeChannel {
    std::int64_t id = 0;
    std::string name;  ///< unique
    std::string kind;  ///< one of channel_kinds()
    /// By ChannelSetting::name. Some are secret: see shown_settings().
    std::map<std::string, std::string, std::less<>> settings;
    std::vector<std::string> tags;  ///< jobs with one of them use it, unless they name others
    bool every_job = false;         ///< so do all jobs
    bool stop = false;              ///< nothing is sent there

    friend bool operator==(const NoticeChannel&, const NoticeChannel&) = default;
};

/// Something that a kind of channel wants to know.
struct ChannelSetting {
    enum class Secrecy : std::uint8_t {
        open,
        url,     ///< what stands behind the host may let anyone write there
        secret,  ///< never shown
    };
    std::string_view name;
    Secrecy secrecy = Secrecy::open;
    bool is_required = false;
    std::string_view about;
    std::string_view allowed;  ///< in words, for messages
    bool (*fits)(std::string_view text);
};

struct ChannelKind {
    std::string_view name;
    std::string_view about;
    std::vector<ChannelSetting> settings;
    /// Programs want each notice by itself, people not more than a few at a time.
    bool is_for_people = false;
};

/// All kinds that there are.
const std::vector<ChannelKind>& channel_kinds();

/// nullptr: there is no such kind.
const ChannelKind* find_channel_kind(std::string_view name);

/// The names of the settings of all kinds, each once, in their order.
const std::vector<std::string_view>& channel_setting_names();

/// What is wrong with it: "url: missing; …". nullopt: nothing is.
std::optional<std::string> find_problem(const NoticeChannel& channel);

/// Its settings as they may be shown to anybody: what is secret as `***`, and of an address of the
/// web what stands before its path.
std::map<std::string, std::string, std::less<>> shown_settings(const NoticeChannel& channel);

/// `text` with every secret of the channel in it replaced by `***`.
std::string without_secrets(const NoticeChannel& channel, std::string text);

/// The channels that are told about a job: those that it names, or else those for its tags and for
/// every job. Stopped ones are left out, and so are names without a channel.
/// @param notify Job::notify.
std::vector<std::int64_t> channels_of(const std::vector<std::string>& notify,
                                      const std::vector<std::string>& tags,
                                      std::span<const NoticeChannel> channels);

/// In Job::notify: nobody is told.
inline constexpr std::string_view no_channel = "none";

}  // namespace peercron
