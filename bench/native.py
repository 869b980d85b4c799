"""Parts that are measured by a program of their own: peercron_bench PART --json FILE."""
import json
import re
import subprocess

from figures import Part


def parts(folder):
    """The parts that the program knows; none when it was not built."""
    program = folder / "peercron_bench"
    if not program.exists():
        return []
    text = subprocess.run([program, "--help"], capture_output=True, text=True, timeout=30).stdout
    found = re.search(r"PART\b[^\n]*?\{([^}]*)\}", text)
    return found.group(1).split(",") if found else []


def measure(bench, name):
    """Its tables, which it has printed as they came."""
    file = bench.results / f"{name}.json"
    file.unlink(missing_ok=True)
    command = [str(bench.programs / "peercron_bench"), name, "--json", str(file), "--folder", str(bench.data / name)]
    sizes = ["--quick"] if bench.quick else ["--large"] if bench.large else []
    subprocess.run(command + sizes, check=True, timeout=3600 if bench.large else 1200)
    part = Part(name)
    part.details["tables"] = json.loads(file.read_text())
    return part
