#include "cli/account_commands.hpp"

#include "cli/answer_fields.hpp"
#include "cli/moment_options.hpp"
#include "cli/moments.hpp"
#include "cli/read_password.hpp"
#include "cli/table.hpp"
#include "cli/text_width.hpp"
#include "model/role.hpp"
#include "schedule/quote.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace peercron {

namespace json = boost::json;

namespace {

struct AccountOptions : ApiOptions {
    std::string name;
    std::string expires;
    bool password = false;
    std::int64_t limit = 50;
    json::object fields;  ///< other parameters of the API
};

std::string tags_text(const AnswerFields& fields)
{
    std::string tags = fields.joined_texts("tags", ",");
    return tags.empty() ? "all" : tags;
}

/// By what the account is opened, and who that is at the provider.
std::string opened_by(const AnswerFields& account)
{
    std::string ways = account.flag("has_password") ? "password" : "";
    if (account.flag("sso")) ways += ways.empty() ? "provider" : ", provider";
    const std::string identity = account.text("identity");
    return identity.empty() ? ways : fmt::format("{} ({})", ways, identity);
}

std::string accounts_text(const json::array& accounts, const Screen& screen)
{
    Table table({{"NAME"},
                 {"ROLE"},
                 {"JOBS", false, true},
                 {"CREATED"},
                 {"LAST SIGN-IN"},
                 {"BY", false, true}});
    for (const json::value& value : accounts) {
        const AnswerFields account(value);
        table.add({{account.text("name")},
                   {account.text("role")},
                   {tags_text(account)},
                   {local_time_text(account.millis("created_at"))},
                   {local_time_text(account.millis("signed_in_at"))},
                   {opened_by(account)}});
    }
    return table.empty() ? "there are no accounts; `peercron account add --help` shows how to add "
                           "one\n"
                         : table.text(screen);
}

std::string tokens_text(const json::array& tokens, const Screen& screen)
{
    Table table({{"NAME"},
                 {"ROLE"},
                 {"JOBS", false, true},
                 {"CREATED"},
                 {"BY", false, true},
                 {"EXPIRES"},
                 {"LAST USE"}});
    for (const json::value& value : tokens) {
        const AnswerFields token(value);
        const auto expires = token.millis("expires_at");
        const bool is_over = expires && *expires <= std::chrono::system_clock::now();
        table.add(
            {{token.text("name")},
             {token.text("role")},
             {tags_text(token)},
             {local_time_text(token.millis("created_at"))},
             {token.text("created_by")},
             {expires ? local_time_text(expires) : "never", is_over ? Colour::red : Colour::none},
             {local_time_text(token.millis("used_at"))}});
    }
    return table.empty() ? "there are no tokens here; those of [[http.tokens]] are in the nodes' "
                           "configuration\n"
                         : table.text(screen);
}

std::string events_text(const json::array& events, const Screen& screen)
{
    Table table({{"TIME"}, {"WHAT"}, {"WHO"}, {"FROM"}, {"DETAILS", false, true}});
    for (const json::value& value : events) {
        const AnswerFields event(value);
        const std::string what = event.text("what");
        table.add({{local_time_text(event.millis("at"))},
                   {what, what.ends_with("refused") ? Colour::red : Colour::none},
                   {event.text("who")},
                   {event.text("address")},
                   {event.text("detail")}});
    }
    return table.empty() ? "nothing has happened yet\n" : table.text(screen);
}

ExitStatus show_list(const AccountOptions& options, const json::value& data,
                     std::string (*text)(const json::array&, const Screen&))
{
    if (options.json) {
        print_json(data);
    } else {
        print(text(rows_of(data), screen_of_stdout()));
    }
    return ExitStatus::done;
}

ExitStatus tell_account(const AccountOptions& options, const json::value& account,
                        std::string_view done)
{
    if (options.json) {
        print_json(account);
        return ExitStatus::done;
    }
    const AnswerFields fields(account);
    print(fmt::format("account {} {}: role {}, jobs {}\n", one_line(fields.text("name")), done,
                      one_line(fields.text("role")), one_line(tags_text(fields))));
    return ExitStatus::done;
}

ExitStatus list_accounts(const AccountOptions& options)
{
    return show_list(options, make_client(options).get("/account/list"), accounts_text);
}

ExitStatus add_account(const AccountOptions& options)
{
    ApiClient client = make_client(options);
    json::object fields = options.fields;
    fields["name"] = options.name;
    if (!fields.contains("sso")) {
        fields["password"] = read_password("Password of " + one_line(options.name));
    }
    return tell_account(options, client.post("/account/add", fields), "added");
}

ExitStatus set_account(const AccountOptions& options)
{
    json::object fields = options.fields;
    if (fields.empty() && !options.password) {
        throw Failure(ExitStatus::usage,
                      "nothing to change: none of --role, --tags, --sso and --password was given");
    }
    ApiClient client = make_client(options);
    fields["name"] = options.name;
    if (options.password) {
        fields["password"] = read_password("New password of " + one_line(options.name));
    }
    return tell_account(options, client.post("/account/update", fields), "changed");
}

ExitStatus delete_account(const AccountOptions& options)
{
    ApiClient client = make_client(options);
    const json::value account = client.post("/account/delete", {{"name", options.name}});
    return tell_account(options, account, "deleted");
}

ExitStatus list_account_events(const AccountOptions& options)
{
    const Query query{{"limit", std::to_string(options.limit)}};
    return show_list(options, make_client(options).get("/access/list", query), events_text);
}

ExitStatus list_tokens(const AccountOptions& options)
{
    return show_list(options, make_client(options).get("/token/list"), tokens_text);
}

/// "90d" from now on, or a moment.
std::int64_t expiry(const std::string& text)
{
    const auto duration = read_duration(text);
    const auto moment = duration ? this_second() + *duration : moment_option("--expires", text);
    return moment.time_since_epoch().count();
}

/// The secret alone is on standard output, for scripts; it is shown this once.
ExitStatus add_token(const AccountOptions& options)
{
    json::object fields = options.fields;
    fields["name"] = options.name;
    if (!options.expires.empty()) fields["expires"] = expiry(options.expires);
    const json::value data = make_client(options).post("/token/add", fields);
    if (options.json) {
        print_json(data);
        return ExitStatus::done;
    }
    const AnswerFields token(data);
    const auto expires = token.millis("expires_at");
    say(fmt::format(
        "token {} added: role {}, jobs {}, {}; this is its secret, which is not shown "
        "again:",
        one_line(token.text("name")), one_line(token.text("role")), one_line(tags_text(token)),
        expires ? "expires " + local_time_text(expires) : "never expires"));
    print(one_line(token.text("token")) + '\n');
    return ExitStatus::done;
}

ExitStatus delete_token(const AccountOptions& options)
{
    const json::value data = make_client(options).post("/token/delete", {{"name", options.name}});
    if (options.json) {
        print_json(data);
    } else {
        print(fmt::format("token {} deleted; other nodes accept it for some seconds more\n",
                          one_line(AnswerFields(data).text("name"))));
    }
    return ExitStatus::done;
}

void add_account_name(CLI::App& command, AccountOptions& options)
{
    command.add_option("NAME", options.name, "Its name")->required()->type_name("");
}

void add_rights(CLI::App& command, AccountOptions& options)
{
    const auto option = [&](const char* names, const char* field, const char* text,
                            const char* type) {
        const std::function<void(const std::string&)> take =
            [&options, field](const std::string& given) { options.fields[field] = given; };
        command.add_option_function(names, take, text)->type_name(type);
    };
    const std::string roles = fmt::format(
        "What it may do; each role includes the ones before it: {}", fmt::join(role_words, ", "));
    option("--role", "role", roles.c_str(), "ROLE");
    option("--tags", "tags", "Only jobs that have one of these tags; '' is all jobs", "TAGS");
}

void add_accounts(CLI::App& app, Action& chosen)
{
    CLI::App& account = *app.add_subcommand("account", "Say who may sign in, and what they may do");
    account.footer(
        "Examples:\n"
        "  peercron account add ops --role owner\n"
        "  peercron account set ada --role operate --tags web");
    account.require_subcommand(1);

    auto options = std::make_shared<AccountOptions>();
    add_api_command(account, chosen, "list", "Show the accounts", options, list_accounts)
        .footer("Example:\n  peercron account list");

    options = std::make_shared<AccountOptions>();
    CLI::App& add = add_api_command(account, chosen, "add", "Add an account", options, add_account);
    add_account_name(add, *options);
    add_rights(add, *options);
    const std::function<void(std::int64_t)> allow_provider = [options](std::int64_t) {
        options->fields["sso"] = true;
    };
    add.add_flag_function("--sso", allow_provider,
                          "No password: the account belongs to the first person of this name whom "
                          "the OpenID provider signs in");
    add.footer(
        "Examples:\n"
        "  peercron account add ops --role owner\n"
        "  peercron account add ada --role operate --tags web < password-file\n"
        "  peercron account add bob --role operate --sso\n"
        "The password is asked for, or is the first line of standard input.\n"
        "Without --role the account only reads.");

    options = std::make_shared<AccountOptions>();
    CLI::App& set =
        add_api_command(account, chosen, "set", "Change an account", options, set_account);
    add_account_name(set, *options);
    add_rights(set, *options);
    const std::function<void(const std::string&)> set_sso = [options](const std::string& given) {
        options->fields["sso"] = given == "on";
    };
    set.add_option_function("--sso", set_sso,
                            "Whether a person of this name may sign in by the OpenID provider; off "
                            "forgets who that is, and ends the sessions of the account")
        ->type_name("on|off")
        ->check(CLI::IsMember({"on", "off"}).description(""));
    set.add_flag("--password", options->password,
                 "Ask for a new password; sessions of this account end");
    set.footer(
        "Examples:\n"
        "  peercron account set ada --password\n"
        "  peercron account set ada --sso on");

    options = std::make_shared<AccountOptions>();
    CLI::App& remove =
        add_api_command(account, chosen, "delete", "Delete an account, and end its sessions",
                        options, delete_account);
    add_account_name(remove, *options);
    remove.footer("Example:\n  peercron account delete ada");

    options = std::make_shared<AccountOptions>();
    CLI::App& events = add_api_command(
        account, chosen, "events",
        "Show sign-ins, refusals, runs by hand, and changes of accounts, tokens and channels",
        options, list_account_events);
    events.add_option("--limit", options->limit, "How many")->capture_default_str()->type_name("N");
    events.footer("Example:\n  peercron account events --limit 10");
}

void add_tokens(CLI::App& app, Action& chosen)
{
    CLI::App& token = *app.add_subcommand("token", "Give programs secrets to call the API with");
    token.footer(
        "Examples:\n"
        "  peercron token add deploy --role operate --tags web --expires 90d\n"
        "  peercron token delete deploy");
    token.require_subcommand(1);

    auto options = std::make_shared<AccountOptions>();
    add_api_command(token, chosen, "list", "Show the tokens, without their secrets", options,
                    list_tokens)
        .footer("Example:\n  peercron token list");

    options = std::make_shared<AccountOptions>();
    CLI::App& add = add_api_command(token, chosen, "add", "Add a token, and show its secret once",
                                    options, add_token);
    add_account_name(add, *options);
    add_rights(add, *options);
    add.add_option(
           "--expires", options->expires,
           "When it expires: a duration from now on, such as 90d, or a time; without it never")
        ->type_name("TIME");
    add.footer(
        "Example:\n"
        "  peercron token add deploy --role operate --tags web --expires 90d > deploy-token\n"
        "The secret alone is on standard output. Without --role the token only reads.");

    options = std::make_shared<AccountOptions>();
    CLI::App& remove =
        add_api_command(token, chosen, "delete", "Delete a token", options, delete_token);
    add_account_name(remove, *options);
    remove.footer("Example:\n  peercron token delete deploy");
}

}  // namespace

void add_account_commands(CLI::App& app, Action& chosen)
{
    add_accounts(app, chosen);
    add_tokens(app, chosen);
}

}  // namespace peercron
