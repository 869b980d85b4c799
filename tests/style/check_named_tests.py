#!/usr/bin/env python3
"""Looks for each test that docs/faults.md names: `Suite::Name` in C++, `folder/file.py` below tests/."""
import pathlib
import re
import sys

TEST = re.compile(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", re.M)


def main(root):
    there = set()
    for path in sorted((root / "tests").rglob("*.cpp")):
        there |= {f"{suite}::{name}" for suite, name in TEST.findall(path.read_text())}
    bad = 0
    page = root / "docs/faults.md"
    for name in re.findall(r"`([^`]+)`", page.read_text()):
        is_test = re.fullmatch(r"\w+::\w+", name) and name not in there
        is_file = re.fullmatch(r"\w+/\w+\.py", name) and not (root / "tests" / name).exists()
        if is_test or is_file:
            print(f"{page}: there is no test {name}")
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
