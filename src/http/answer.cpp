#include "http/answer.hpp"

namespace peercron {

Response refusal(http::status status, std::string_view message)
{
    Response response;
    response.status = status;
    JsonWriter json(response.body);
    json.begin_object();
    json.field("code", static_cast<std::uint32_t>(status));
    json.key("data");
    json.null();
    json.field("message", message);
    json.end_object();
    return response;
}

Response refusal(const HttpError& error)
{
    Response response = refusal(error.status(), error.what());
    response.headers = error.headers();
    return response;
}

}  // namespace peercron
