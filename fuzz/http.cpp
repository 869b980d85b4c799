#include "base/percent.hpp"
#include "fuzzers.hpp"
#include "http/params.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <array>
#include <string>
#include <utility>

namespace peercron::fuzz {
namespace {

constexpr std::array<Param, 9> params{{{.name = "text", .alias = "t"},
                                       {.name = "number", .type = ParamType::integer},
                                       {.name = "truth", .type = ParamType::boolean},
                                       {.name = "words", .type = ParamType::words},
                                       {.name = "lines", .type = ParamType::lines},
                                       {.name = "numbers", .type = ParamType::numbers},
                                       {.name = "amount", .type = ParamType::amount},
                                       {.name = "time", .type = ParamType::time},
                                       {.name = "secret", .is_secret = true}}};

/// What `get` returns, unless the value is refused.
template <class Get>
void ask(Get get)
{
    try {
        get();
    } catch (const HttpError& error) {
        promise(error.status() == http::status::bad_request, "a bad value is the caller's mistake");
        promise(std::string_view(error.what()).find(':') != std::string_view::npos,
                "a refusal names its parameter");
    }
}

void read_params(const Request& request, std::string_view query, Strictness strictness)
{
    try {
        const Params read = Params::read(request, query, params, strictness);
        promise(read.size() <= params.size(), "only what is declared is taken");
        for (const char* const name : {"text", "words", "lines", "numbers", "amount", "secret"}) {
            const auto text = read.text(name);
            promise(!text || text->find('\0') == std::string::npos, "texts have no NUL");
        }
        ask([&] {
            const auto number = read.integer("number", -5, 1000);
            promise(!number || (*number >= -5 && *number <= 1000),
                    "numbers are within their bounds");
        });
        ask([&] { (void)read.boolean("truth"); });
        ask([&] { (void)read.time("time"); });
    } catch (const HttpError& error) {
        promise(error.status() == http::status::bad_request ||
                    error.status() == http::status::unsupported_media_type,
                "what cannot be read is the caller's mistake");
    }
}

}  // namespace

/// A request as it arrives, with the parameters of its query string and of its body: a form, or
/// JSON.
void fuzz_http(std::string_view bytes)
{
    http::request_parser<http::string_body> parser;
    parser.header_limit(2048);
    parser.body_limit(4096);
    parser.eager(true);
    boost::system::error_code failed;
    while (!bytes.empty() && !failed && !parser.is_done()) {
        const std::size_t used =
            parser.put(boost::asio::buffer(bytes.data(), bytes.size()), failed);
        if (used == 0) break;
        bytes.remove_prefix(used);
    }
    if (!parser.is_header_done()) return;
    Request request;
    request.message = parser.release();
    const std::string target(request.message.target());
    const auto question = target.find('?');
    const std::string query = question == std::string::npos ? "" : target.substr(question + 1);
    (void)decode_percent(target.substr(0, question));
    read_params(request, query, Strictness::strict);
    read_params(request, query, Strictness::lenient);
}

}  // namespace peercron::fuzz
