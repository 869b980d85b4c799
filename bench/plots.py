"""Plots of the figures, as SVG and PNG, by gnuplot."""
import json
import subprocess

HEAD = """set encoding utf8
set grid
set key outside right top
set style line 1 lw 2
"""
TERMINALS = {"svg": "svg noenhanced size 900,500 dynamic font 'sans,12' background rgb 'white'",
             "png": "pngcairo noenhanced size 900,500 font 'sans,11'"}


def draw(folder, parts):
    """Draws what there is to draw; returns the files."""
    plots = {}
    for part in parts:
        plots.update(PLOTS.get(part.name, lambda _: {})(part.details))
    for old in [*folder.glob("*.svg"), *folder.glob("*.png")]:
        old.unlink()
    made = []
    for name, script in plots.items():
        for kind, terminal in TERMINALS.items():
            file = folder / f"{name}.{kind}"
            text = f"set terminal {terminal}\nset output {json.dumps(str(file))}\n{HEAD}{script}\n"
            done = subprocess.run(["gnuplot", "-"], input=text, capture_output=True, text=True, timeout=60)
            if done.returncode != 0:
                raise RuntimeError(f"gnuplot, {name}: {done.stderr.strip()}")
            made.append(file)
    return made


def block(name, rows):
    return f"${name} << EOD\n" + "\n".join("\t".join(map(str, row)) for row in rows) + "\nEOD\n"


def curves(series):
    """(title, rows, style) → data blocks and a plot command for their first two columns."""
    blocks = "".join(block(f"d{i}", rows) for i, (_, rows, _) in enumerate(series))
    drawn = ", ".join(f"$d{i} using 1:2 with {style} title {json.dumps(title)}"
                      for i, (title, _, style) in enumerate(series))
    return f"set datafile separator tab\n{blocks}plot {drawn}"


def throughput(details):
    series = []
    work = []
    for ramp in details["ramps"]:
        name = f"{ramp['place']}, {ramp['command']}"
        levels = [level for level in ramp["levels"] if level["late_max_ms"] is not None]
        for quantile in ("p50", "max"):
            rows = [(level["rate"] / level["raw"]["per_s"], max(1, level[f"late_{quantile}_ms"])) for level in levels]
            if rows:
                series.append((f"{name}: {quantile}", rows, "linespoints lw 2"))
        if levels:
            work.append((name, levels[-1]["raw"]["cpu_us_each"], levels[-1]["cpu_us"]))
    if not series:
        return {}
    series.append(("late", [(0, 1000), (1.5, 1000)], "lines dt 2 lc rgb 'red'"))
    axes = ("set xlabel 'fires/s, as a share of the raw spawn limit'\nset ylabel 'ms late'\nset logscale y\n"
            "set yrange [*:2000]\nset xrange [0:*]\n")
    found = {"throughput": f"set title 'Lateness by rate'\n{axes}{curves(series)}"}
    kinds = list(dict.fromkeys(kind for _, _, cpu in work for kind, spent in cpu.items() if spent >= 0.5))
    rows = []
    for name, raw_cpu, cpu in work:
        rows.append((name, *[round(cpu.get(kind, 0), 1) for kind in kinds], 0))
        rows.append(("raw", *[0 for _ in kinds], round(raw_cpu, 1)))
    stacked = ", ".join(f"$work using {i + 2}:xtic(1) title {json.dumps(kind)}"
                        for i, kind in enumerate([*kinds, "raw loop and its commands"]))
    found["cpu"] = ("set title 'CPU per fire, beside the raw loop'\nset ylabel 'µs'\nset style data histograms\n"
                    "set style histogram rowstacked\nset style fill solid 0.8\nset boxwidth 0.7\n"
                    "set datafile separator tab\nset yrange [0:*]\n" + block("work", rows) + "plot " + stacked)
    return found


def lateness(details):
    def distribution(values):
        return [(max(0.05, value), (i + 1) / len(values)) for i, value in enumerate(values)]

    axes = ("set xlabel 'ms from the scheduled time to the first instruction'\nset ylabel 'share of the fires'\n"
            "set logscale x\nset yrange [0:1]\n")
    found = {}
    for place in ("cluster", "solo"):
        series = [(f"{entry['rate']} at each second", distribution(entry["all_ms"]), "steps lw 2")
                  for entry in details.get("steady", ()) if entry["place"] == place and entry["all_ms"]]
        if series:
            found[f"lateness-{place}"] = f"set title 'Lateness, {place}'\n{axes}{curves(series)}"
    series = [(entry["fault"], distribution(entry["all_ms"]), "steps lw 2")
              for entry in details.get("faults", ()) if entry["all_ms"]]
    if series:
        found["lateness-faults"] = f"set title '100 fires at each second, under faults'\n{axes}{curves(series)}"
    return found


def memory(details):
    series = [(name, rows, "lines lw 2") for name, rows in details["resident_mib"].items()]
    return {"memory": "set title 'Memory under load'\nset xlabel 's'\nset ylabel 'MiB'\nset yrange [0:*]\n" +
                      curves(series)}


def api(details):
    rows = [(entry["request"], round(entry.get("p99_ms") or entry["alone_ms"], 2)) for entry in details["requests"]]
    if not rows:
        return {}
    rows.reverse()
    return {"api": "set title 'p99 of pages, 32 connections'\nset xlabel 'ms'\nset logscale x\nunset key\n"
                   "set style fill solid 0.8\nset datafile separator tab\nset lmargin 38\n"
                   f"set yrange [-0.7:{len(rows) - 0.3}]\nset xrange [0.1:*]\n"
                   "set arrow from 10,graph 0 to 10,graph 1 nohead dt 2 lc rgb 'red'\n" + block("pages", rows) +
                   "plot $pages using (0.1):0:(0.1):2:($0-0.35):($0+0.35):ytic(1) with boxxyerror lc rgb '#4477aa'"}


PLOTS = {"throughput": throughput, "lateness": lateness, "memory": memory, "api": api}
