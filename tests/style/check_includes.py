#!/usr/bin/env python3
"""Holds the table of who may include whom: a folder of src/ includes only folders above it."""
import pathlib
import re
import sys

# From the ground up, and for each folder the ones above it that it may know.
MAY_INCLUDE = {
    "base": set(),
    "http_client": {"base"},
    "schedule": {"base"},
    "model": {"base"},
    "config": {"base", "schedule"},
    "store": {"base", "model"},
    "audit": {"base", "schedule", "model", "store"},
    "insight": {"base", "schedule", "model", "store"},
    "cluster": {"base", "model"},
    "wire": {"base", "model"},
    "exec": {"base", "http_client", "model", "store", "wire"},
    "notify": {"base", "http_client", "schedule", "model", "store", "exec"},
    "dispatch": {"base", "schedule", "model", "store", "audit", "cluster", "wire"},
    "http": {"base", "model"},
    "oidc": {"base", "http_client", "model", "http"},
    "console": {"base", "http"},
    "access": {"base", "model", "store", "http"},
    "api": {"base", "schedule", "model", "store", "audit", "insight", "cluster", "http", "oidc", "access", "console"},
    "node": {"base", "http_client", "schedule", "model", "config", "store", "cluster", "wire", "notify", "exec",
             "dispatch", "http", "oidc", "access", "api"},
    "cli": {"base", "schedule", "model"},
}

INCLUDE = re.compile(r'^\s*#include\s+"([^"]+)"', re.M)


def main(root):
    bad = 0
    folders = {path.name for path in root.iterdir() if path.is_dir()}
    for unknown in sorted(folders - MAY_INCLUDE.keys()):
        print(f"{root / unknown}: not in the table of tests/style/check_includes.py")
        bad += 1
    for folder in sorted(folders & MAY_INCLUDE.keys()):
        for path in sorted((root / folder).rglob("*.[ch]pp")):
            for included in INCLUDE.findall(path.read_text()):
                other = included.split("/")[0]
                if other.endswith(".pb.h") or other == folder:
                    continue
                if other not in MAY_INCLUDE[folder]:
                    print(f"{path}: {folder}/ may not include {included}")
                    bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
