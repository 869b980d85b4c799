#!/usr/bin/env python3
"""Refuses what does not belong into the repository: unknown places at the top, files that are no text, and
large ones. A data directory that a test left behind was committed once, 199 files of it."""
import pathlib
import subprocess
import sys

FOLDERS = {".ci", "bench", "bin", "config", "console", "docs", "fuzz", "nginx", "packaging", "sql", "src", "tests"}
FILES = {
    ".clang-format", ".clang-tidy", ".dockerignore", ".gitignore", "ARCHITECTURE.md", "CHANGELOG.md", "CMakeLists.txt",
    "CMakePresets.json", "LICENSE", "README.md", "SECURITY.md", "mkdocs.yml",
}
PICTURES = {".png", ".ico", ".woff2"}
LARGEST = 512 * 1024


def tracked(root):
    """The files that git tracks; outside of a checkout, a copy of the sources say, there are none."""
    listed = subprocess.run(["git", "-C", root, "ls-files", "-z"], capture_output=True, text=True)
    if listed.returncode != 0:
        return []
    return [pathlib.PurePosixPath(name) for name in listed.stdout.split("\0") if name]


def problem_of(root, name):
    if len(name.parts) == 1:
        if str(name) not in FILES:
            return "is not a known file at the top; list it in tests/style/check_tree.py if it belongs there"
    elif name.parts[0] not in FOLDERS:
        return f"is in '{name.parts[0]}', which is not a known folder; see tests/style/check_tree.py"
    path = root / name
    if not path.is_file():
        return None  # deleted, and not committed yet
    content = path.read_bytes()
    if len(content) > LARGEST:
        return f"has {len(content)} bytes; at most {LARGEST} are allowed"
    if name.suffix in PICTURES:
        return None
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return "is not UTF-8 text"
    return "has NUL bytes" if "\0" in text else None


def main():
    root = pathlib.Path(sys.argv[1])
    problems = [(name, problem_of(root, name)) for name in tracked(root)]
    found = [f"{name} {problem}" for name, problem in problems if problem]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
