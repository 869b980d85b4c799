"""Accounts and tokens: what is asked for, what is sent, and where a secret is shown."""
import time

import pytest

from command_line import check_golden, on_terminal, peercron, transcript

PASSWORD = "correct horse battery"
OPS = {"name": "ops", "role": "owner", "tags": [], "has_password": True, "sso": False, "identity": "",
       "created_at": 1795219200000, "signed_in_at": 1795222800000}
ADA = {"name": "ada", "role": "operate", "tags": ["web", "daily"], "has_password": True, "sso": True,
       "identity": "17 https://id.example", "created_at": 1795219200000, "signed_in_at": None}
TOKENS = [
    {"name": "ci", "role": "read", "tags": [], "created_at": 1795219200000, "created_by": "ops at 10.0.0.7",
     "expires_at": None, "used_at": 1795222800000},
    {"name": "deploy", "role": "operate", "tags": ["web"], "created_at": 1795219200000, "created_by": "root at local",
     "expires_at": 1795305600000, "used_at": None},
]
EVENTS = [
    {"id": 3, "at": 1795222800000, "what": "sign-in", "who": "ops", "address": "10.0.0.7", "detail": ""},
    {"id": 2, "at": 1795219260000, "what": "sign-in refused", "who": "ops\u001b[31m", "address": "10.0.0.7",
     "detail": "wrong name or password"},
    {"id": 1, "at": 1795219200000, "what": "account added", "who": "root", "address": "local", "detail": "ops (owner)"},
]


@pytest.fixture
def node(fake):
    fake.answers.update({
        "GET /account/list": [ADA, OPS], "POST /account/add": ADA, "POST /account/update": ADA,
        "POST /account/delete": ADA, "GET /token/list": TOKENS, "POST /token/delete": TOKENS[1],
        "POST /token/add": {**TOKENS[1], "token": "pcr_the-secret"}, "GET /access/list": {"list": EVENTS, "total": 3}})
    return fake


COMMANDS = {
    "account_list": ["account", "list"],
    "account_set": ["account", "set", "ada", "--role", "operate", "--tags", "web,daily"],
    "account_delete": ["account", "delete", "ada"],
    "account_events": ["account", "events"],
    "token_list": ["token", "list"],
    "token_add": ["token", "add", "deploy", "--role", "operate", "--tags", "web"],
    "token_delete": ["token", "delete", "deploy"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_people_get_text(node, name):
    done = peercron(*COMMANDS[name], url=node.url)
    assert done.returncode == 0, done
    check_golden("answers/" + name, transcript(COMMANDS[name], done, node.url))


def test_a_password_comes_from_standard_input_and_goes_into_the_body(node):
    done = peercron("account", "add", "ada", "--role", "operate", "--tags", "web,daily", url=node.url, text=PASSWORD + "\n")
    assert done.returncode == 0 and done.stdout == "account ada added: role operate, jobs web,daily\n", done
    asked = node.asked[-1]
    assert asked.query == {}
    assert asked.body == {"name": "ada", "password": PASSWORD, "role": "operate", "tags": "web,daily"}
    for arguments in (["account", "add", "ada"], ["account", "set", "ada", "--password"]):
        done = peercron(*arguments, url=node.url)
        assert done.returncode == 2 and "no password" in done.stderr, done
    done = peercron("account", "set", "ada", "--password", url=node.url, text=PASSWORD + "\n")
    assert done.returncode == 0 and node.asked[-1].body == {"name": "ada", "password": PASSWORD}, done
    assert peercron("account", "set", "ada", url=node.url).returncode == 2


def test_an_account_for_single_sign_on_is_made_without_a_password(node):
    done = peercron("account", "add", "ada", "--role", "operate", "--sso", url=node.url)
    assert done.returncode == 0 and node.asked[-1].body == {"name": "ada", "role": "operate", "sso": True}, done
    for given, sent in (("on", True), ("off", False)):
        done = peercron("account", "set", "ada", "--sso", given, url=node.url)
        assert done.returncode == 0 and node.asked[-1].body == {"name": "ada", "sso": sent}, done
    done = peercron("account", "set", "ada", "--sso", "maybe", url=node.url)
    assert done.returncode == 2 and "on" in done.stderr, done


@pytest.mark.parametrize("second, status", [(PASSWORD, 0), ("another one", 2)])
def test_a_terminal_is_asked_twice_and_does_not_show_what_is_typed(node, second, status):
    done, seen = on_terminal("account", "add", "ada", url=node.url,
                             typed=[("Password of ada: ", PASSWORD + "\n"), ("Again: ", second + "\n")])
    assert done == status, seen
    assert PASSWORD not in seen and second not in seen
    assert ("differ; nothing was changed" in seen) == (status != 0)
    assert len(node.asked) == (1 if status == 0 else 0)


def test_a_tokens_secret_alone_is_on_standard_output(node):
    before = time.time()
    done = peercron("token", "add", "deploy", "--expires", "90d", url=node.url)
    assert done.returncode == 0 and done.stdout == "pcr_the-secret\n", done
    assert "not shown again" in done.stderr and "pcr_the-secret" not in done.stderr
    assert before - 1 <= node.asked[-1].body["expires"] - 90 * 86400 <= time.time()
    done = peercron("token", "add", "deploy", "--expires", "soon", url=node.url)
    assert done.returncode == 2 and "--expires" in done.stderr, done


@pytest.mark.parametrize("url, words", [
    ("unix:relative.sock", "expected unix:/PATH"), ("unix:/" + 120 * "x", "107 bytes"),
    ("unix:/there/is/none.sock", "no node answers at unix:/there/is/none.sock")])
def test_a_socket_that_cannot_be_is_named(url, words):
    done = peercron("status", url=url)
    assert done.returncode != 0 and words in done.stderr, done
