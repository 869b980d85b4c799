#include "model/http_forms.hpp"

#include "model/placeholders.hpp"

#include <boost/url/parse.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace peercron {
namespace {

constexpr int least_status = 100;
constexpr int most_status = 599;

/// Source: RFC 9110, 5.6.2.
bool is_token(std::string_view text)
{
    constexpr std::string_view others = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::ranges::all_of(text, [others](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               others.find(c) != std::string_view::npos;
    });
}

std::string lowered(std::string_view text)
{
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lower;
}

bool is_url(std::string_view text)
{
    if (text.empty()) return true;
    if (!text.starts_with("http://") && !text.starts_with("https://")) return false;
    std::string as_sent = fill_placeholders(text, {});
    // Unknown ones are judged with the whole job (model/job_kinds.hpp).
    while (const auto unknown = unknown_placeholder(as_sent)) {
        as_sent.replace(as_sent.find(*unknown), unknown->size(), "x");
    }
    const auto url = boost::urls::parse_uri(as_sent);
    if (!url || url->has_userinfo() || url->encoded_host().empty()) return false;
    // The parser takes "a:b" for a host where b is no port.
    const std::string_view host(url->encoded_host().data(), url->encoded_host().size());
    if (host.front() != '[' && host.find(':') != std::string_view::npos) return false;
    return !url->has_port() || url->port_number() != 0;
}

bool is_header(std::string_view text)
{
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || !is_token(text.substr(0, colon))) return false;
    const auto is_control = [](char c) {
        return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == '\x7f';
    };
    if (std::ranges::any_of(text, is_control)) return false;
    const std::array<std::string_view, 4> own{"content-length", "transfer-encoding", "connection",
                                              "expect"};
    return std::ranges::find(own, lowered(text.substr(0, colon))) == own.end();
}

std::optional<int> read_status(std::string_view text)
{
    int status = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, bad] = std::from_chars(text.data(), end, status);
    if (bad != std::errc() || rest != end || text.front() == '-') return std::nullopt;
    if (status < least_status || status > most_status) return std::nullopt;
    return status;
}

/// The first and the last of "200-299", or of "204".
std::optional<std::pair<int, int>> read_statuses(std::string_view text)
{
    const std::size_t dash = std::min(text.find('-'), text.size());
    const auto first = read_status(text.substr(0, dash));
    const auto last = dash == text.size() ? first : read_status(text.substr(dash + 1));
    if (!first || !last || *first > *last) return std::nullopt;
    return std::pair(*first, *last);
}

bool is_statuses(std::string_view text)
{
    return read_statuses(text).has_value();
}

}  // namespace

const TextForm url_form{
    is_url,
    "an absolute URL of http:// or https://, as https://example.com/health?full=1, without a user "
    "name or a password in it (http_headers may have them), other characters as %20, or nothing",
    "^$|^https?://[^\\u0000-\\u0020\\u007f@]+$", "https://example.com/health"};

const TextForm header_form{
    is_header,
    "\"Name: value\" on one line, where the name is of letters, digits and - and none of "
    "Content-Length, Transfer-Encoding, Connection and Expect,",
    "^(?!([Cc]ontent-[Ll]ength|[Tt]ransfer-[Ee]ncoding|[Cc]onnection|[Ee]xpect):)"
    "[A-Za-z0-9-]+:[^\\u0000-\\u0008\\u000a-\\u001f\\u007f]*$",
    "X-Token: abc"};

const TextForm status_form{is_statuses, "a status from 100 to 599, or a range, as 200-299,",
                           "^[1-5][0-9][0-9](-[1-5][0-9][0-9])?$", "200-299"};

bool is_expected_status(std::span<const std::string> expect, int status)
{
    constexpr int first_success = 200;
    constexpr int first_redirect = 300;
    if (expect.empty()) return status >= first_success && status < first_redirect;
    return std::ranges::any_of(expect, [status](const std::string& text) {
        const auto range = read_statuses(text);
        return range && status >= range->first && status <= range->second;
    });
}

}  // namespace peercron
