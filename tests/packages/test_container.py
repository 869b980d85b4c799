"""The examples for containers, as far as they can be judged without an engine."""
import os
import re

import yaml

from bare_machine import ROOT, run

FOLDER = ROOT / "packaging" / "container"


def test_the_nodes_of_the_compose_file_are_those_of_one_cluster():
    compose = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    secrets = {"SECRET": "f" * 64, "DATABASE_PASSWORD": "a password"}
    addresses = {name: service["networks"]["cluster"]["ipv4_address"] for name, service in compose["services"].items()}
    names = []
    for name in ("node1", "node2", "node3"):
        variables = {key: re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: secrets[found[1]], value)
                     for key, value in compose["services"][name]["environment"].items()}
        done = run(ROOT / "build/release/peercron", "check-config", env={"PATH": os.environ["PATH"], **variables})
        assert done.returncode == 0 and done.stdout.startswith("# in a cluster"), done
        assert done.stderr == "", "no variable is without a meaning"
        assert variables["PEERCRON_BIND_ADDRESS"] == addresses[name] + ":9991"
        names.append(addresses[name])
        assert variables["PEERCRON_MYSQL_HOST"] == addresses["database"]
        assert variables["PEERCRON_CONSUL_ADDRESS"] == addresses["consul"] + ":8500"
        assert addresses["nginx"] in variables["PEERCRON_HTTP_TRUSTED_PROXIES"]
    [mounted] = compose["services"]["nginx"]["volumes"]
    nginx = (FOLDER / mounted.split(":")[0]).resolve()
    assert re.findall(r"server (\S+):9990", nginx.read_text()) == names
