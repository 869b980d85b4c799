#pragma once

#include "http/json_writer.hpp"
#include "http/message.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace peercron {

// Every answer of the API is {"code":200,"data":…,"message":"ok"}; code is the HTTP status.

inline constexpr std::string_view envelope_begin = R"({"code":200,"data":)";
inline constexpr std::string_view envelope_end = R"(,"message":"ok"})";

/// 200 with what `write` (a callable that takes a JsonWriter&) writes as data.
template <class Write>
Response answer(Write write)
{
    Response response;
    response.body = envelope_begin;
    JsonWriter json(response.body);
    write(json);
    response.body += envelope_end;
    return response;
}

/// The status with its code, no data, and a message that says what is wrong and where.
Response refusal(http::status status, std::string_view message);
Response refusal(const HttpError& error);

}  // namespace peercron
