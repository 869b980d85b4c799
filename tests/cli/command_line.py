"""Runs the program as a person or a script would, and compares what it says with golden files."""
import os
import pathlib
import pty
import select
import shlex
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("PEERCRON_BINARY", ROOT / "build/release/peercron"))
GOLDEN = pathlib.Path(__file__).parent / "golden"
UPDATE = os.environ.get("PEERCRON_UPDATE_GOLDEN") == "1"
# A port of the privileged range where nothing listens.
NOBODY = "http://127.0.0.1:1"


def environment(url, **more):
    """Nothing of the caller's own settings; a zone whose offset shows."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith("PEERCRON_") and name not in ("NO_COLOR", "COLUMNS", "TERM")}
    return {**kept, "TZ": "Etc/GMT-1", "PEERCRON_URL": url, "TERM": "xterm", **more}


def peercron(*arguments, url=NOBODY, stdin=subprocess.DEVNULL, text=None, seconds=60, **more):
    if text is not None:
        stdin = None
    return subprocess.run([BINARY, *map(str, arguments)], env=environment(url, **more), stdin=stdin, input=text,
                          capture_output=True, text=True, timeout=seconds)


def start(*arguments, url, **more):
    return subprocess.Popen([BINARY, *map(str, arguments)], env=environment(url, **more), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1)


def on_terminal(*arguments, url, typed="", prompt="", columns=80, seconds=30, **more):
    """The exit status, and what a terminal of this width got to see. `typed`, a text or a function
    that gives it, is typed when the prompt is seen; or it is a list of prompts and texts, in turn."""
    to_type = typed if isinstance(typed, list) else [(prompt, typed)] if typed else []
    child, master = pty.fork()
    if child == 0:
        os.execve(BINARY, [str(BINARY), *map(str, arguments)], environment(url, COLUMNS=str(columns), **more))
    seen = b""
    limit = time.monotonic() + seconds
    while True:
        if to_type and to_type[0][0] in seen.decode(errors="replace"):
            text = to_type.pop(0)[1]
            os.write(master, (text() if callable(text) else text).encode())
        ready, _, _ = select.select([master], [], [], max(0, limit - time.monotonic()))
        assert ready, f"nothing more within {seconds} s after {seen!r}"
        try:
            piece = os.read(master, 65536)
        except OSError:  # the other side has closed
            break
        if not piece:
            break
        seen += piece
    _, status = os.waitpid(child, 0)
    os.close(master)
    return os.waitstatus_to_exitcode(status), seen.decode().replace("\r\n", "\n")


def transcript(arguments, done, url=None):
    """What was typed and what came, as one text."""
    text = f"$ peercron {shlex.join(map(str, arguments))}\n{done.stdout}"
    if done.stderr:
        text += f"--- standard error\n{done.stderr}"
    text += f"--- exit {done.returncode}\n"
    return text.replace(url, "http://NODE") if url else text


def check_golden(name, text):
    """`text` is what the golden file holds; PEERCRON_UPDATE_GOLDEN=1 makes it so."""
    file = GOLDEN / f"{name}.txt"
    if UPDATE:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert file.exists(), f"there is no {file}; PEERCRON_UPDATE_GOLDEN=1 writes it"
    assert text == file.read_text()
