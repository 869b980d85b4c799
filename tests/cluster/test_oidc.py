"""Single sign-on by a real OpenID provider: whole sign-ins as a browser makes them, and what an attacker would try."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.parse

import pytest

from harness import BINARY, HOST, ROOT, WORK, Solo, free_base_port, request, wait_until
from web_servers import free_port, nginx_in

PROVIDER = ROOT / "tests/oidc/provider.mjs"
SECRET = "a secret of the tests & more"
PASSWORD = "correct horse battery"
CALLBACK = "/session/oidc/callback"


class Provider:
    """`people` can be changed while it runs."""

    def __init__(self, folder, redirect_uris, algorithm="RS256", claims="userinfo"):
        self.port = free_port()
        self.issuer = f"http://{HOST}:{self.port}"
        self.file = folder / "people.json"
        self.people = {}
        self.add("ada", "17", ["staff", "cron-admins"])
        self.add("bob", "18", ["staff", "cron-users"])
        self.add("eve", "19", ["staff"])
        with (folder / "provider.log").open("wb") as log:
            self.process = subprocess.Popen(
                ["node", PROVIDER, str(self.port), self.file, algorithm, claims], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env={**os.environ, "REDIRECT_URIS": " ".join(redirect_uris)})
        try:
            wait_until(self.answers, 120, lambda: f"the provider listens: {(folder / 'provider.log').read_text()}")
        except BaseException:
            self.stop()
            raise

    def answers(self):
        assert self.process.poll() is None, "the provider has ended"
        with contextlib.suppress(OSError):
            return request(self.port, "GET", "/jwks").status == 200

    def add(self, login, subject, groups, name=None):
        self.people[login] = {"sub": subject, "preferred_username": name or login, "groups": groups}
        self.file.write_text(json.dumps(self.people))

    def stop(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait(timeout=20)


class OidcNode(Solo):
    def __init__(self, folder, port, provider, options):
        super().__init__(folder, port, [
            "--set", f"oidc.issuer={provider.issuer}", "--set", "oidc.client_id=peercron",
            "--set", f"oidc.client_secret={SECRET}", "--set", f"oidc.redirect_uri={redirect_uri(port)}",
            "--set", f"http.socket={folder}/peercron.sock", "--set", "http.anonymous=none", *options])

    address = property(lambda self: f"http://{HOST}:{self.base}")

    def peercron(self, *arguments, given=""):
        done = subprocess.run([BINARY, *arguments], input=given, capture_output=True, text=True, timeout=60,
                              env={"PATH": os.environ["PATH"], "PEERCRON_URL": f"unix:{self.folder}/peercron.sock"})
        assert done.returncode == 0, done
        return done.stdout


def redirect_uri(port):
    return f"http://{HOST}:{port}{CALLBACK}"


GROUPS = ["--set", "oidc.operate_groups=cron-users", "--set", "oidc.owner_groups=cron-admins", "--set", "oidc.name=Test ID"]


@contextlib.contextmanager
def running(options=GROUPS, algorithm="RS256", claims="userinfo", nodes=1, more_uris=()):
    """A provider, and nodes that know it, each alone."""
    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(free_base_port()) for _ in range(nodes)]
        folder = pathlib.Path(tempfile.mkdtemp(prefix="o", dir=WORK))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        # All are known at the address of the first, as behind a proxy.
        provider = Provider(folder, [redirect_uri(ports[0]), *more_uris], algorithm, claims)
        stack.callback(provider.stop)
        all_nodes = []
        for port in ports:
            node = OidcNode(folder / str(port), port, provider, ["--set", f"oidc.redirect_uri={redirect_uri(ports[0])}",
                                                                 *options])
            node.folder.mkdir()
            stack.callback(node.stop)
            node.start()
            all_nodes.append(node)
        try:
            yield provider, *all_nodes
        except BaseException:
            for node in all_nodes:
                node.keep_logs("oidc-" + node.folder.name)
            raise


class Browser:
    """Keeps cookies, which belong to the host, and follows no redirect by itself."""

    def __init__(self):
        self.cookies = {}

    def ask(self, method, url, form=None, headers=None):
        parts = urllib.parse.urlsplit(url)
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = urllib.parse.urlencode(form) if form is not None else None
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if form is not None else {}
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
        with contextlib.closing(connection):
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target, body, {"Cookie": cookies, **kind, **(headers or {})})
            answer = connection.getresponse()
            answer.text = answer.read().decode()
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.split(";")[0].partition("=")
            if "max-age=0" in cookie.lower() or "expires=thu, 01 jan 1970" in cookie.lower():
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer

    def start(self, node, base=""):
        """Where the page of the node sends the browser."""
        answer = self.ask("POST", f"{node.address if base == '' else base}/session/oidc/start",
                          headers={"Sec-Fetch-Site": "same-origin"})
        assert answer.status == 200, answer.text
        return json.loads(answer.text)["data"]["url"]

    def sign_in_at_provider(self, url, login):
        """The address that the provider leads back to."""
        for _ in range(10):
            if CALLBACK in urllib.parse.urlsplit(url).path:
                return url
            answer = self.ask("GET", url)
            if answer.status == 200:
                assert 'name="login"' in answer.text, answer.text
                url = urllib.parse.urljoin(url, re.search(r'action="([^"]+)"', answer.text)[1])
                answer = self.ask("POST", url, {"prompt": "login", "login": login, "password": "any"})
            assert answer.status in (302, 303), answer.text
            url = urllib.parse.urljoin(url, answer.headers["Location"])
        raise AssertionError(f"the provider leads nowhere: {url}")

    def sign_in(self, node, login):
        """The node's answer in the end."""
        return self.ask("GET", self.sign_in_at_provider(self.start(node), login))

    def me(self, node):
        answer = self.ask("GET", f"{node.address}/access/me")
        return json.loads(answer.text)["data"] if answer.status == 200 else None


def words(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page.text)).replace("&quot;", '"')


def events(node):
    return [(event["what"], event["who"], event["detail"])
            for event in json.loads(node.peercron("account", "events", "--json"))["list"]]


def test_groups_give_roles_at_each_sign_in():
    with running() as (provider, node):
        methods = Browser().ask("GET", f"{node.address}/session/methods")
        assert json.loads(methods.text)["data"] == {"oidc": "Test ID"}
        ada = Browser()
        done = ada.sign_in(node, "ada")
        assert (done.status, done.headers["Location"]) == (303, "../../ui/"), done.text
        cookies = done.headers.get_all("Set-Cookie")
        assert any(cookie.startswith("peercron=") and "HttpOnly; SameSite=Strict" in cookie for cookie in cookies), cookies
        assert "peercron-sign-in" not in ada.cookies
        refused = Browser().sign_in(node, "eve")
        assert refused.status == 403 and '"eve" is in no group that may do something here' in words(refused)
        me = ada.me(node)
        assert (me["name"], me["role"], me["proof"]) == ("ada", "owner", "session")
        bob = Browser()
        bob.sign_in(node, "bob")
        assert bob.me(node)["role"] == "operate"
        assert json.loads(bob.ask("GET", f"{node.address}/account/list").text)["code"] == 403

        accounts = json.loads(ada.ask("GET", f"{node.address}/account/list").text)["data"]
        assert [(one["name"], one["sso"], one["has_password"], one["identity"]) for one in accounts] == [
            ("ada", True, False, f"17 {provider.issuer}"), ("bob", True, False, f"18 {provider.issuer}")]
        assert f"provider (17 {provider.issuer})" in node.peercron("account", "list")
        wait_until(lambda: ("sign-in", "ada", f"by the provider: 17 {provider.issuer}") in events(node), 20, "it is listed")
        wait_until(lambda: any(what == "refused" and "in no group" in detail for what, _, detail in events(node)), 20,
                   "the refusal is listed")

        # The provider's word counts at each sign-in, in the sessions that are open, too; whatever the person is called.
        provider.add("bob", "18", ["cron-admins"], name="robert")
        Browser().sign_in(node, "bob")
        assert (bob.me(node)["name"], bob.me(node)["role"]) == ("bob", "owner")
        provider.add("bob", "18", [])
        assert Browser().sign_in(node, "bob").status == 403
        # Somebody else who is called like that now.
        provider.add("mallory", "20", ["cron-admins"], name="bob")
        refused = Browser().sign_in(node, "mallory")
        assert refused.status == 403 and 'the account "bob" is another person\'s at the provider' in words(refused)

        assert ada.ask("POST", f"{node.address}/session/sign-out", headers={"Origin": node.address}).status == 200
        assert ada.me(node) is None


def test_without_groups_people_need_an_account():
    with running(options=[], algorithm="ES256", claims="token") as (provider, node):
        refused = Browser().sign_in(node, "ada")
        assert refused.status == 403 and "peercron account add ada --sso --role operate" in words(refused)
        node.peercron("account", "add", "ada", "--role", "operate", "--tags", "web", "--sso")
        node.peercron("account", "add", "bob", "--role", "owner", given=PASSWORD + "\n")
        ada = Browser()
        assert ada.sign_in(node, "ada").status == 303
        assert (ada.me(node)["role"], ada.me(node)["tags"]) == ("operate", ["web"])

        # A name at the provider opens no account with a password, until an owner says so.
        refused = Browser().sign_in(node, "bob")
        assert refused.status == 403 and "peercron account set bob --sso on" in words(refused)
        node.peercron("account", "set", "bob", "--sso", "on")
        bob = Browser()
        assert bob.sign_in(node, "bob").status == 303 and bob.me(node)["role"] == "owner"
        node.peercron("account", "set", "bob", "--sso", "off")
        assert bob.me(node) is None
        assert Browser().sign_in(node, "bob").status == 403
        # It has no password that one could guess.
        for password in ("", "x" * 8):
            assert Browser().ask("POST", f"{node.address}/session/sign-in", {"name": "ada", "password": password}).status == 401


@pytest.mark.parametrize("algorithm", ["PS256", "RS512", "ES384"])
def test_the_provider_may_sign_as_it_likes(algorithm):
    with running(algorithm=algorithm, claims="token") as (_, node):
        assert Browser().sign_in(node, "ada").status == 303


def test_a_sign_in_belongs_to_the_browser_that_began_it():
    with running(nodes=2) as (provider, node, other):
        # Any node finishes what another one began.
        ada = Browser()
        begun = ada.ask("POST", f"{other.address}/session/oidc/start", headers={"Sec-Fetch-Site": "same-origin"})
        [cookie] = begun.headers.get_all("Set-Cookie")
        assert cookie.split("; ")[1:] == ["Path=/", "Max-Age=600", "HttpOnly", "SameSite=Lax"], cookie
        back = ada.sign_in_at_provider(json.loads(begun.text)["data"]["url"], "ada")
        assert back.startswith(node.address)
        kept = dict(ada.cookies)
        assert ada.ask("GET", back).status == 303 and ada.me(node)["name"] == "ada"
        # The back button, and whoever has read the address: the code is spent, and so is the cookie.
        again = ada.ask("GET", back)
        assert again.status == 403 and "not begun in this browser" in words(again)
        # So it is for a browser that keeps the cookie.
        keeper = Browser()
        keeper.cookies = kept
        again = keeper.ask("GET", back)
        assert again.status == 403 and "invalid_grant" in words(again), words(again)
        assert "peercron" not in keeper.cookies
        assert ada.me(node)["name"] == "ada", "the session goes on"

        # An attacker gives a victim the end of the attacker's own sign-in.
        attacker, victim = Browser(), Browser()
        back = attacker.sign_in_at_provider(attacker.start(node), "eve")
        for cookies in ({}, {"peercron-sign-in": ""}, {"peercron-sign-in": "A" * 43}):
            victim.cookies = dict(cookies)
            refused = victim.ask("GET", back)
            assert refused.status == 403 and "not begun in this browser" in words(refused)
            assert "peercron" not in victim.cookies
        # The victim is at a sign-in of its own.
        victim.start(node)
        assert victim.ask("GET", back).status == 403

        # A stolen code is worth nothing in another sign-in: it has another verifier, and another nonce.
        thief, owner = Browser(), Browser()
        code = urllib.parse.parse_qs(urllib.parse.urlsplit(owner.sign_in_at_provider(owner.start(node), "ada")).query)["code"][0]
        state = urllib.parse.parse_qs(urllib.parse.urlsplit(thief.start(node)).query)["state"][0]
        query = urllib.parse.urlencode({"code": code, "state": state, "iss": provider.issuer})
        refused = thief.ask("GET", f"{node.address}{CALLBACK}?{query}")
        assert refused.status == 403 and "invalid_grant" in words(refused), words(refused)
        assert thief.me(node) is None


def test_what_the_browser_brings_back_is_judged_and_shown_as_text():
    with running() as (provider, node):
        browser = Browser()

        def come_back(**parameters):
            state = urllib.parse.parse_qs(urllib.parse.urlsplit(browser.start(node)).query)["state"][0]
            query = urllib.parse.urlencode({"state": state, **parameters})
            return browser.ask("GET", f"{node.address}{CALLBACK}?{query}")

        refused = come_back(error="access_denied", error_description="<script>alert(1)</script>\x1b[31m", iss=provider.issuer)
        assert refused.status == 403 and "<script>" not in refused.text and "\x1b" not in refused.text
        assert "the provider refused:" in words(refused) and "access_denied" in words(refused)
        assert "default-src 'none'" in refused.headers["Content-Security-Policy"]
        assert refused.headers["Content-Type"].startswith("text/html")
        assert 'href="../../ui/"' in refused.text
        assert come_back(iss=provider.issuer).status == 400
        assert "another provider" in words(come_back(code="x", iss="https://evil.example"))
        assert "another provider" in words(come_back(code="x"))
        assert "invalid_grant" in words(come_back(code="x", iss=provider.issuer))
        # What is unknown is not shown, and leads nowhere.
        answer = browser.ask("GET", f"{node.address}{CALLBACK}?error=x&state=y&redirect=https://evil.example")
        assert answer.status == 403 and "evil" not in answer.text and "Location" not in answer.headers
        back = browser.sign_in_at_provider(browser.start(node), "ada")
        more = "".join(f"&{name}=https://evil.example" for name in ("redirect", "redirect_uri", "return_to", "next", "url"))
        done = browser.ask("GET", back + more, headers={"X-Forwarded-Host": "evil.example", "Referer": "https://evil.example/"})
        assert (done.status, done.headers["Location"]) == (303, "../../ui/"), done.text

        # Another site's page cannot begin one.
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            assert browser.ask("POST", f"{node.address}/session/oidc/start", headers=headers).status == 403
        assert browser.ask("GET", f"{node.address}/session/oidc/start").status == 405


def test_a_provider_that_is_away_or_slow_holds_up_nobody():
    with running() as (provider, node):
        browser = Browser()
        back = browser.sign_in_at_provider(browser.start(node), "ada")
        provider.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        slow = Browser()
        slow.cookies = dict(browser.cookies)
        answer = slow.ask("GET", back)
        assert answer.status == 503 and "cannot be used now" in words(answer) and "password" in words(answer)
        assert time.monotonic() - began < 15
        assert request(node.base, "GET", "/health").status == 200
        provider.process.send_signal(signal.SIGCONT)
        bob = Browser()
        assert bob.sign_in(node, "bob").status == 303
        provider.stop()
        node.stop()
        node.start()
        refused = browser.ask("POST", f"{node.address}/session/oidc/start", headers={"Sec-Fetch-Site": "same-origin"})
        assert refused.status == 503 and "refused" in refused.text, refused.text
        assert bob.me(node)["name"] == "bob", "the session goes on"


def test_below_a_path_of_a_proxy(tmp_path):
    """nginx has the API below /cron/, by https as far as the node knows."""
    port = free_port()
    public = f"http://{HOST}:{port}/cron"
    options = [*GROUPS, "--set", f"oidc.redirect_uri={public}{CALLBACK}", "--set", f"http.trusted_proxies={HOST}"]
    with running(options, more_uris=[public + CALLBACK]) as (_, node):
        front = f"""
    access_log off;
    server {{
        listen {HOST}:{port};
        location /cron/ {{
            proxy_pass {node.address}/;
            proxy_set_header Host $http_host;
            proxy_set_header X-Real-IP 192.0.2.7;
            proxy_set_header X-Forwarded-Proto https;
        }}
    }}"""
        with nginx_in(tmp_path, front, port):
            ada = Browser()
            back = ada.sign_in_at_provider(ada.start(node, public), "ada")
            assert back.startswith(f"{public}{CALLBACK}?")
            assert "__Host-peercron-sign-in" in ada.cookies
            # The name of a plain cookie can be set by neighbouring hosts.
            planted = Browser()
            planted.cookies = {"peercron-sign-in": ada.cookies["__Host-peercron-sign-in"]}
            assert planted.ask("GET", back).status == 403
            done = ada.ask("GET", back)
            assert done.status == 303 and urllib.parse.urljoin(back, done.headers["Location"]) == f"{public}/ui/"
            cookies = done.headers.get_all("Set-Cookie")
            assert any(cookie.startswith("__Host-peercron=") and "; Secure" in cookie for cookie in cookies), cookies
            assert ada.ask("GET", f"{public}/access/me").status == 200


def test_nobody_signs_in_where_others_read_along():
    with running(options=[*GROUPS, "--set", f"http.trusted_proxies={HOST}"]) as (_, node):
        far = {"X-Real-IP": "192.0.2.7", "Sec-Fetch-Site": "same-origin"}
        refused = Browser().ask("POST", f"{node.address}/session/oidc/start", headers=far)
        assert refused.status == 403 and "plain HTTP" in refused.text
        refused = Browser().ask("GET", f"{node.address}{CALLBACK}?code=x&state=y", headers=far)
        assert refused.status == 403 and "plain HTTP" in words(refused)


def test_a_node_without_a_provider_says_so(tmp_path):
    with free_base_port() as port:
        node = Solo(tmp_path, port)
        try:
            node.start()
            assert request(port, "GET", "/session/methods").json["data"] == {"oidc": None}
            assert request(port, "POST", "/session/oidc/start").status == 404
            assert request(port, "GET", CALLBACK).status == 404
        finally:
            node.stop()
