#include "console/console_routes.hpp"

#include "console/embedded_file.hpp"
#include "http/text.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace peercron {
namespace {

constexpr std::string_view page_name = "index.html";

/// The page runs its own script and asks its own node, and nothing else.
constexpr std::string_view page_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

constexpr std::string_view directions =
    "peercron: a cluster cron service\n"
    "\n"
    "ui/            the console, for browsers\n"
    "openapi.json   all calls of the API\n"
    "health         whether this node is alive\n";

const EmbeddedFile* find_file(std::string_view name)
{
    const auto files = console_files();
    const auto found = std::ranges::find(files, name, &EmbeddedFile::name);
    return found == files.end() ? nullptr : &*found;
}

std::string_view type_of(std::string_view name)
{
    if (name.ends_with(".html")) return "text/html; charset=utf-8";
    if (name.ends_with(".css")) return "text/css; charset=utf-8";
    if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
    return "image/svg+xml";
}

std::string_view header(const Call& call, http::field name)
{
    const auto value = call.headers[name];
    return {value.data(), value.size()};
}

/// Whether a list such as "gzip, br;q=0.5" has `wanted`, and does not rule it out with "q=0"
/// (RFC 9110, 12.4.2).
bool has_member(std::string_view list, std::string_view wanted)
{
    while (!list.empty()) {
        const std::string_view member = list.substr(0, list.find(','));
        list.remove_prefix(std::min(list.size(), member.size() + 1));
        const auto semicolon = std::min(member.find(';'), member.size());
        if (!equal_ignoring_case(trim(member.substr(0, semicolon)), wanted)) continue;
        const std::string_view weight = trim(member.substr(std::min(semicolon + 1, member.size())));
        return !weight.starts_with("q=0") || weight.find_first_of("123456789") != weight.npos;
    }
    return false;
}

/// Kept by browsers, which ask each time whether it is still the same: after an upgrade all files
/// of a page are of one version.
void allow_keeping(Response& response, std::string_view etag)
{
    response.headers.emplace_back(http::field::cache_control, "no-cache");
    response.headers.emplace_back(http::field::vary, "Accept-Encoding");
    response.headers.emplace_back(http::field::etag, etag);
}

Response send_file(const EmbeddedFile& file, const Call& call)
{
    const bool gzip = has_member(header(call, http::field::accept_encoding), "gzip");
    const std::string etag = fmt::format("\"{}{}\"", file.tag, gzip ? "-gzip" : "");
    Response response;
    response.content_type = type_of(file.name);
    response.own_headers.emplace_back("Content-Security-Policy", page_policy);
    allow_keeping(response, etag);
    // A proxy that packs answers itself makes a tag weak; the tag of the plain file is as good
    // then.
    const std::string_view known = header(call, http::field::if_none_match);
    if (known.find(etag) != std::string_view::npos) {
        response.status = http::status::not_modified;
        return response;
    }
    if (gzip) response.headers.emplace_back(http::field::content_encoding, "gzip");
    response.body = gzip ? file.gzip : file.plain;
    return response;
}

/// The page for an address that is `depth` segments below /ui/: its files are that much further up.
Response send_page(const Call& call, int depth)
{
    const EmbeddedFile& page = *find_file(page_name);
    if (depth == 0) return send_file(page, call);
    Response response;
    response.content_type = type_of(page.name);
    response.own_headers.emplace_back("Content-Security-Policy", page_policy);
    allow_keeping(response, fmt::format("\"{}-{}\"", page.tag, depth));
    response.body = page.plain;
    constexpr std::string_view here = "=\"./";
    for (auto at = response.body.find(here); at != std::string::npos;
         at = response.body.find(here, at + here.size())) {
        response.body.replace(at, here.size(), "=\"../");
    }
    return response;
}

Response redirect(std::string_view target)
{
    Response response;
    response.status = http::status::found;
    response.content_type = "text/plain; charset=utf-8";
    response.headers.emplace_back(http::field::location, target);
    response.headers.emplace_back(http::field::vary, "Accept");
    return response;
}

asio::awaitable<Response> show_root(const Call& call)
{
    if (has_member(header(call, http::field::accept), "text/html")) {
        co_return redirect("ui/");
    }
    Response response;
    response.content_type = "text/plain; charset=utf-8";
    response.headers.emplace_back(http::field::vary, "Accept");
    response.body = directions;
    co_return response;
}

asio::awaitable<Response> show_folder(const Call&)
{
    co_return redirect("ui/");
}

asio::awaitable<Response> show_first_screen(const Call& call)
{
    co_return send_page(call, 0);
}

/// A file, or a screen such as "jobs". Which screens there are is known to the page.
asio::awaitable<Response> show_file_or_screen(const Call& call)
{
    const EmbeddedFile* const file = find_file(call.id);
    if (file != nullptr) co_return send_file(*file, call);
    co_return send_page(call, 0);
}

asio::awaitable<Response> show_one(const Call& call)
{
    co_return send_page(call, 1);
}

}  // namespace

void add_console_routes(Router& router)
{
    const auto add = [&router](std::string pattern, Route::Handler handler) {
        router.add({
            .pattern = std::move(pattern),
            .methods = {http::verb::get},
            .role = std::nullopt,
            .scope = Scope::none,
            .handler = std::move(handler),
        });
    };
    add("/", show_root);
    add("/ui", show_folder);
    add("/ui/", show_first_screen);
    add("/ui/{id}", show_file_or_screen);
    add("/ui/job/{id}", show_one);
    add("/ui/run/{id}", show_one);
}

}  // namespace peercron
