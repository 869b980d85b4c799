#!/usr/bin/python3
"""reference.py PROGRAM FOLDER: writes the pages of the reference from what the program says about itself: its help, its
configuration's defaults, the description of its API, and the causes in it."""
import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout


def subcommands(text):
    found = re.search(r"^Subcommands:\n((?:  .*\n)+)", text, re.M)
    return re.findall(r"^  ([a-z-]+)", found[1], re.M) if found else []


def commands_page(program):
    page = "# All commands\n\nAs `peercron COMMAND --help` has them.\n"

    def add(path):
        nonlocal page
        text = output_of(program, *path, "--help")
        names = subcommands(text)
        if path and not names:
            page += f"\n## peercron {' '.join(path)}\n\n```text\n{text.strip()}\n```\n"
        for name in names:
            add([*path, name])

    add([])
    return page


def configuration_page():
    text = (ROOT / "config" / "peercron.toml").read_text()
    return f"# Every key of the configuration\n\nThe file `config/peercron.toml`.\n\n```toml\n{text.strip()}\n```\n"


def api_description(program):
    """What a node answers to GET /openapi.json."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = "127.0.0.1:%d" % probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as data:
        node = subprocess.Popen([program, "serve", "--data", data, "--set", f"http_bind_address={address}",
                             "--set", "http.anonymous=owner", "--set", "http.socket=none"],
                                stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(100):
                try:
                    with urllib.request.urlopen(f"http://{address}/openapi.json", timeout=10) as answer:
                        return json.load(answer)
                except OSError:
                    time.sleep(0.1)
            sys.exit("reference.py: the node does not answer")
        finally:
            node.send_signal(signal.SIGTERM)
            node.wait(timeout=60)


def in_one_line(text):
    return " ".join(text.replace("|", "\\|").split())


def type_of(schema):
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    if "$ref" in schema:
        return schema["$ref"].rsplit("/", 1)[1]
    return schema.get("type", "") if isinstance(schema.get("type", ""), str) else " or ".join(schema["type"])


def parameters_of(description, call):
    """Of the query, the path and the body: name, type, meaning."""
    def whole(part):
        return description["components"][part["$ref"].split("/")[-2]][part["$ref"].split("/")[-1]] if "$ref" in part else part

    for parameter in map(whole, call.get("parameters", [])):
        yield parameter["name"], parameter.get("schema", {}), parameter.get("description", "")
    content = whole(call.get("requestBody", {})).get("content", {})
    for kind in list(content.values())[:1]:
        for name, schema in whole(kind.get("schema", {})).get("properties", {}).items():
            yield name, schema, schema.get("description", "")


def api_page(description):
    page = "# All calls of the API\n\nAs `GET /openapi.json` of a node describes them.\n"
    for path, calls in description["paths"].items():
        for method, call in calls.items():
            if method not in ("get", "post", "put", "delete"):
                continue
            page += f"\n## {method.upper()} {path}\n\n{call.get('summary', '')}\n\n{call.get('description', '')}\n".rstrip() + "\n"
            rows = [f"| `{name}` | {in_one_line(type_of(schema))} | {in_one_line(text)} |"
                    for name, schema, text in parameters_of(description, call)]
            if rows:
                page += "\n| parameter | type | meaning |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n"
    return page


def causes_page(description):
    """The words are the program's, the meanings docs/causes.md's: a word without one is an error."""
    words = [word for word in description["components"]["schemas"]["Cause"]["enum"] if word]
    meanings = dict(re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", (ROOT / "docs" / "causes.md").read_text(), re.M))
    if sorted(words) != sorted(meanings):
        sys.exit(f"reference.py: docs/causes.md is about {sorted(meanings)}, the program has {sorted(words)}")


def main(program, folder):
    description = api_description(program)
    causes_page(description)
    pages = {"commands": commands_page(program), "configuration": configuration_page(), "api": api_page(description)}
    for name, text in pages.items():
        (pathlib.Path(folder) / f"{name}.md").write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
