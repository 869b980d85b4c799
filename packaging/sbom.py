#!/usr/bin/python3
"""sbom.py BUILD PROGRAM PACKAGE VERSION [LICENCES]: writes what the package is made of to standard output, as SPDX 2.3 in JSON.

Sources, none of them kept by hand: the shared libraries that the program loads (ldd), the headers that its sources
were compiled with (what ninja noted), and the LICENCES of what is linked in, if something is (portable/build.sh). Each belongs to a Debian package, which has a name, a version and
a supplier. The same build gives the same bytes: the time is SOURCE_DATE_EPOCH.
"""
import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

FORMAT = "${binary:Package}\t${Version}\t${source:Package}\t${Maintainer}\t${Homepage}\n"


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def loaded_libraries(program):
    return {os.path.realpath(path) for path in re.findall(r"(/\S+) \(0x", output_of("ldd", program))}


def included_headers(build):
    """Of the program's own objects; those of tests do not count."""
    headers = set()
    of_program = False
    for line in output_of("ninja", "-C", build, "-t", "deps").splitlines():
        if not line.startswith(" "):
            of_program = line.startswith("src/")
        elif of_program and line.strip().startswith("/usr/"):
            headers.add(os.path.realpath(line.strip()))
    return headers


def packages_of(files):
    """The names of the Debian packages that own these files."""
    # /lib is a link to /usr/lib, and a package may own its files by either name.
    named = sorted(files | {file.removeprefix("/usr") for file in files})
    listed = subprocess.run(["dpkg-query", "--search", *named], capture_output=True, text=True).stdout
    owners = {}
    for line in listed.splitlines():
        owner, separator, file = line.partition(": ")
        if separator and not line.startswith("diversion by"):
            owners[os.path.realpath(file)] = owner.split(", ")[0]
    if unowned := sorted(files - owners.keys()):
        sys.exit(f"sbom.py: no Debian package has {', '.join(unowned)}")
    return set(owners.values())


def spdx_id(name):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name)


def package_entry(line, distribution):
    binary, version, source, maintainer, homepage = line.split("\t")
    name, _, architecture = binary.partition(":")
    where = f"?arch={architecture or 'all'}&distro={distribution}"
    return {
        "SPDXID": spdx_id(name), "name": name, "versionInfo": version, "supplier": f"Person: {maintainer}",
        "sourceInfo": f"built from the Debian source package {source}",
        **({"homepage": homepage} if homepage else {}),
        "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                          "referenceLocator": f"pkg:deb/debian/{name}@{version.replace('+', '%2B')}{where}"}],
    }


def main(build, program, package, version, licences=os.devnull):
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    system = dict(line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text().splitlines() if "=" in line)
    distribution = f"{system['ID']}-{system['VERSION_ID']}".replace('"', "")
    loaded = packages_of(loaded_libraries(program))
    included = packages_of(included_headers(build)) - loaded
    listed = output_of("dpkg-query", "--show", f"--showformat={FORMAT}", *sorted(loaded | included))
    entries = sorted((package_entry(line, distribution) for line in listed.splitlines()), key=lambda entry: entry["SPDXID"])

    checksum = hashlib.sha256(pathlib.Path(package).read_bytes()).hexdigest()
    own = {
        "SPDXID": "SPDXRef-peercron", "name": "peercron", "versionInfo": version, "packageFileName": pathlib.Path(package).name,
        "supplier": "Organization: The peercron authors", "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
        "licenseConcluded": "MIT", "licenseDeclared": "MIT", "copyrightText": "2026 The peercron authors",
        "primaryPackagePurpose": "APPLICATION",
        "checksums": [{"algorithm": "SHA256", "checksumValue": checksum}],
    }
    loaded_ids = {spdx_id(name.split(":")[0]) for name in loaded}
    linked_ids = {spdx_id(name) for name in re.findall("^=== ([^ ]+) ", pathlib.Path(licences).read_text(), re.M)}
    relations = [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-peercron"}]
    for entry in entries:
        if entry["SPDXID"] in loaded_ids | linked_ids:
            how = "DYNAMIC_LINK" if entry["SPDXID"] in loaded_ids else "STATIC_LINK"
            relations.append({"spdxElementId": "SPDXRef-peercron", "relationshipType": how,
                              "relatedSpdxElement": entry["SPDXID"]})
        else:
            relations.append({"spdxElementId": entry["SPDXID"], "relationshipType": "BUILD_DEPENDENCY_OF",
                              "relatedSpdxElement": "SPDXRef-peercron"})
    document = {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"peercron-{version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/peercron-{version}-{checksum}",
        "creationInfo": {
            "created": datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: packaging/sbom.py"],
        },
        "packages": [own, *entries], "relationships": relations,
    }
    print(json.dumps(document, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main(*sys.argv[1:])
