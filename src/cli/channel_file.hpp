#pragma once

#include "cli/file_call.hpp"
#include "cli/file_table.hpp"
#include "model/notice_channel.hpp"

#include <boost/json/value.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// Reads the table [channel.NAME] of a job file: kind, tags, every_job, stop, and settings, of
/// which "@FILE" stands for what that file has. Pure, so whether the settings make sense is not
/// judged.
NoticeChannel read_file_channel(const std::string& name, const toml::table& table,
                                std::vector<FileMistake>& mistakes);

/// "@FILE" is what the file has, without the line break at its end; everything else is itself.
/// Throws Failure usage.
std::string setting_value(std::string_view name, const std::string& given);

/// The calls for all channels of a file. One that is there is written again: nobody can see whether
/// its secrets are those of the file. A setting that is not in the file is taken out.
/// @param there what /channel/list answers.
/// Throws Failure usage for a channel that makes no sense.
std::vector<FileCall> channel_calls(const std::vector<NoticeChannel>& channels,
                                    const boost::json::value& there);

}  // namespace peercron
