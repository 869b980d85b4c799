#pragma once

#include <string_view>

namespace peercron {

/// What a text has to look like, beyond what its kind says (model/job_fields.hpp).
struct TextForm {
    bool (*fits)(std::string_view text);
    std::string_view allowed;  ///< in words: "NAME=value, where …"
    std::string_view pattern;  ///< the same for the API's description (ECMA 262)
    std::string_view example;
};

// Each fits well-formed UTF-8 without NUL only.

/// A variable of a command: NAME=value on one line. Names that begin with PEERCRON_ are ours.
extern const TextForm variable_form;

/// An absolute path without control characters.
extern const TextForm folder_form;

/// Three octal digits, as umask(1) takes them.
extern const TextForm umask_form;

/// A code, or a range of them: see parse_exit_codes().
extern const TextForm exit_codes_form;

/// What a further attempt follows: see is_retry_word().
extern const TextForm retry_form;

/// The name of a user of the system. Source: useradd(8), which is the strictest.
extern const TextForm user_form;

/// The name of a file with a secret: no path.
extern const TextForm secret_form;

/// The name of a channel for notices.
extern const TextForm channel_form;

/// What a job's channels are told of: one of notice_words.
extern const TextForm notice_form;

/// A time of the day, as 04:00.
extern const TextForm clock_form;

/// What a job asks of a node: see model/labels.hpp.
extern const TextForm run_on_form;

/// A lock that a job holds: see model/lock.hpp.
extern const TextForm lock_form;

/// What a job asks of a calendar: see model/calendar.hpp.
extern const TextForm calendar_form;

/// An input that a job declares: see model/run_request.hpp.
extern const TextForm input_form;

}  // namespace peercron
