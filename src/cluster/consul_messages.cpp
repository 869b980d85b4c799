#include "cluster/consul_messages.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json.hpp>

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace peercron {
namespace {

namespace json = boost::json;

struct HostPort {
    std::string host;  ///< without the brackets of an IPv6 address
    std::uint16_t port = 0;
};

HostPort split_address(const NodeName& address)
{
    const std::size_t colon = address.rfind(':');
    HostPort parts;
    if (colon != std::string::npos && colon != 0) {
        const char* const end = address.data() + address.size();
        const auto [stop, error] = std::from_chars(address.data() + colon + 1, end, parts.port);
        if (error == std::errc() && stop == end && parts.port != 0) {
            parts.host = address.substr(0, colon);
            if (parts.host.front() == '[' && parts.host.back() == ']') {
                parts.host = parts.host.substr(1, parts.host.size() - 2);
            }
            return parts;
        }
    }
    throw std::invalid_argument(
        fmt::format("bind_address \"{}\" is not HOST:PORT with a port from 1 to 65535", address));
}

NodeName join_address(std::string_view host, std::int64_t port)
{
    if (host.find(':') != std::string_view::npos) return fmt::format("[{}]:{}", host, port);
    return fmt::format("{}:{}", host, port);
}

std::string text(const json::value& value)
{
    return std::string(value.as_string());
}

/// A member that may be missing or null, as Consul writes empty things.
std::string text_or_empty(const json::object& object, std::string_view key)
{
    const json::value* value = object.if_contains(key);
    if (value == nullptr || !value->is_string()) return {};
    return text(*value);
}

std::uint64_t number(const json::value& value)
{
    return value.to_number<std::uint64_t>();
}

/// Source: RFC 4648, section 4. What follows the first character outside the alphabet is left out.
std::string decode_base64(std::string_view encoded)
{
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string decoded;
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : encoded) {
        const std::size_t value = alphabet.find(c);
        if (value == std::string_view::npos) break;
        bits = (bits << 6U) | static_cast<std::uint32_t>(value);
        count += 6;
        if (count >= 8) {
            count -= 8;
            decoded += static_cast<char>((bits >> static_cast<unsigned>(count)) & 0xFFU);
        }
    }
    return decoded;
}

NodeName holder_of(const json::object& entry)
{
    json::error_code error;
    const json::value value = json::parse(decode_base64(text_or_empty(entry, "Value")), error);
    if (error || !value.is_object()) return {};
    return text_or_empty(value.get_object(), "node");
}

/// Parses an answer of Consul; `read` throws when a field is missing or has another type.
template <class Read, class Value = std::invoke_result_t<Read&, const json::value&>>
Result<Value> parse_answer(std::string_view what, std::string_view answer, Read read)
{
    try {
        return Result<Value>(boost::system::in_place_value, read(json::parse(answer)));
    } catch (const std::exception& e) {
        return Error{fmt::format("the answer to {} is not what Consul's manual describes: {}", what,
                                 e.what())};
    }
}

Member member_of(const json::object& entry)
{
    const json::object& service = entry.at("Service").as_object();
    std::string host = text(service.at("Address"));
    if (host.empty()) host = text(entry.at("Node").as_object().at("Address"));
    Member member;
    member.name = join_address(host, service.at("Port").to_number<std::int64_t>());
    if (const json::value* meta = service.if_contains("Meta");
        meta != nullptr && meta->is_object()) {
        member.http_address = text_or_empty(meta->get_object(), "http_address");
        member.version = text_or_empty(meta->get_object(), "version");
    }
    if (const json::value* tags = service.if_contains("Tags");
        tags != nullptr && tags->is_array()) {
        for (const json::value& tag : tags->get_array()) member.labels.push_back(text(tag));
    }
    const auto passes = [](const json::value& check) {
        return check.as_object().at("Status").as_string() == "passing";
    };
    const json::array& checks = entry.at("Checks").as_array();
    member.passing = std::all_of(checks.begin(), checks.end(), passes);
    return member;
}

}  // namespace

ConsulNames::ConsulNames(const ConsulSettings& settings)
    : service_id(settings.service_name + "-" + settings.bind_address),
      port_check(service_id + ":port"),
      alive_check(service_id + ":alive"),
      session(settings.service_name + " " + settings.bind_address)
{}

std::string registration_body(const ConsulSettings& settings)
{
    const ConsulNames names(settings);
    const HostPort address = split_address(settings.bind_address);
    // Two checks, because each sees what the other does not. A machine that is off answers no
    // connection; a process that has died is reported by its warden, or refuses connections within
    // seconds; a stopped one (SIGSTOP, a debugger, a frozen machine) still has them
    // accepted by the kernel and is found by its silence.
    //
    // The second one is a TTL and not an HTTP check. Time from SIGSTOP to the lock's release with
    // Consul 1.8.7, eight tries each: TTL of 2 s refreshed every 0.5 s 1.60 to 2.00 s, HTTP every
    // second with a timeout of a second 1.13 to 1.95 s. But the HTTP check fails as soon as one
    // answer takes longer than a second, and needs an address at which the agent reaches the API;
    // the TTL bears 1.5 s of silence and needs nothing.
    const json::value body = {
        {"ID", names.service_id},
        {"Name", settings.service_name},
        {"Address", address.host},
        {"Port", address.port},
        {"Tags", json::array(settings.labels.begin(), settings.labels.end())},
        {"Meta",
         {{"http_address", settings.http_address},
          {"version", settings.version},
          {"incarnation", fmt::format("{:016x}", settings.incarnation)}}},
        {"Checks",
         json::array{
             {{"CheckID", names.port_check},
              {"Name", "peer port accepts connections"},
              {"TCP", settings.bind_address},
              {"Interval", "1s"},
              {"Timeout", "1s"},
              {"Status", "passing"},
              // A node that never comes back leaves the list by itself, but not before
              // somebody had a weekend to see it there.
              {"DeregisterCriticalServiceAfter", "72h"}},
             {{"CheckID", names.alive_check},
              {"Name", "node reports that it is alive"},
              {"TTL", "2s"},
              {"Status", "passing"}},
         }},
    };
    return json::serialize(body);
}

std::string death_report(const ConsulSettings& settings)
{
    std::string request = fmt::format(
        "PUT /v1/agent/check/fail/{}?note=the%20node%20has%20died HTTP/1.1\r\n"
        "Host: {}\r\nContent-Length: 0\r\nConnection: close\r\n",
        url_path(ConsulNames(settings).alive_check), settings.address);
    if (!settings.token.empty()) request += fmt::format("X-Consul-Token: {}\r\n", settings.token);
    return request + "\r\n";
}

std::string session_body(const ConsulSettings& settings)
{
    const ConsulNames names(settings);
    const json::value body = {
        {"Name", names.session},
        {"Behavior", "release"},
        // Consul's default keeps a lost lock shut for 15 s to protect work in flight; here the
        // store's epoch does that.
        {"LockDelay", "0s"},
        // The shortest that Consul allows. Only a backstop: it ends a session after 10 to 20 s.
        {"TTL", "10s"},
        {"NodeChecks", json::array{"serfHealth"}},
        {"ServiceChecks", json::array{json::object{{"ID", names.port_check}},
                                      json::object{{"ID", names.alive_check}}}},
    };
    return json::serialize(body);
}

std::string holder_body(const ConsulSettings& settings)
{
    const json::value body = {{"node", settings.bind_address},
                              {"http_address", settings.http_address}};
    return json::serialize(body);
}

Result<std::string> parse_session_id(std::string_view answer)
{
    const auto read = [](const json::value& value) { return text(value.as_object().at("ID")); };
    return parse_answer("session/create", answer, read);
}

Result<LockEntry> parse_lock_entry(std::string_view answer)
{
    const auto read = [](const json::value& value) {
        const json::object& object = value.as_array().at(0).as_object();
        LockEntry entry;
        entry.session = text_or_empty(object, "Session");
        entry.lock_index = number(object.at("LockIndex"));
        entry.flags = number(object.at("Flags"));
        entry.holder = holder_of(object);
        return entry;
    };
    return parse_answer("kv", answer, read);
}

Result<std::vector<Member>> parse_members(std::string_view answer)
{
    const auto read = [](const json::value& value) {
        std::vector<Member> members;
        for (const json::value& entry : value.as_array()) {
            members.push_back(member_of(entry.as_object()));
        }
        // The passing one first, so that it is the one of its name that stays.
        std::sort(members.begin(), members.end(), [](const Member& a, const Member& b) {
            return std::pair(std::string_view(a.name), !a.passing) <
                   std::pair(std::string_view(b.name), !b.passing);
        });
        const auto same_name = [](const Member& a, const Member& b) { return a.name == b.name; };
        members.erase(std::unique(members.begin(), members.end(), same_name), members.end());
        return members;
    };
    return parse_answer("health/service", answer, read);
}

Result<std::vector<SessionInfo>> parse_sessions(std::string_view answer)
{
    const auto read = [](const json::value& value) {
        std::vector<SessionInfo> sessions;
        for (const json::value& entry : value.as_array()) {
            const json::object& object = entry.as_object();
            sessions.push_back(
                {text(object.at("ID")), text_or_empty(object, "Name"), text(object.at("Node"))});
        }
        return sessions;
    };
    return parse_answer("session", answer, read);
}

Result<std::vector<std::string>> parse_stale_services(std::string_view answer,
                                                      const ConsulSettings& settings)
{
    const auto read = [&settings](const json::value& value) {
        const std::string own_id = ConsulNames(settings).service_id;
        std::vector<std::string> stale;
        for (const auto& [id, service] : value.as_object()) {
            const json::object& object = service.as_object();
            const NodeName address = join_address(text_or_empty(object, "Address"),
                                                  object.at("Port").to_number<std::int64_t>());
            if (text_or_empty(object, "Service") == settings.service_name &&
                address == settings.bind_address && std::string_view(id) != own_id) {
                stale.emplace_back(id);
            }
        }
        return stale;
    };
    return parse_answer("agent/services", answer, read);
}

std::string url_path(std::string_view text)
{
    std::string encoded;
    for (const char c : text) {
        const bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (plain || std::string_view("-._~/").find(c) != std::string_view::npos) {
            encoded += c;
        } else {
            encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return encoded;
}

}  // namespace peercron
