"""What was measured, each figure beside its limit; the table of them."""
import dataclasses
import json
import math


@dataclasses.dataclass
class Figure:
    """One figure. `limit` is what it is compared with, of the same run and in the same unit; `ratio` comes first in
    the table. `target` is in words. `note` stands in the table, `more` only in what is said meanwhile."""
    name: str
    value: float
    unit: str
    limit: float | None = None
    limit_is: str = ""
    target: str = ""
    note: str = ""
    more: str = ""

    @property
    def ratio(self):
        return self.value / self.limit if self.limit else None


class Part:
    """The figures of one part, and what is worth keeping besides: series for plots, tables of native programs."""

    def __init__(self, name):
        self.name = name
        self.figures = []
        self.details = {}

    def add(self, *arguments, **more):
        figure = Figure(*arguments, **more)
        self.figures.append(figure)
        print("   " + one_line(figure), flush=True)

    def as_json(self):
        return {"figures": [{"ratio": figure.ratio, **dataclasses.asdict(figure)} for figure in self.figures],
                **self.details}


def number(value):
    """Three significant digits, thousands apart."""
    if value is None:
        return ""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(digits, 4)}f}"


def one_line(figure):
    ratio = f"{figure.ratio:.2f} of {figure.limit_is}: " if figure.ratio is not None else ""
    return f"{figure.name}: {ratio}{number(figure.value)} {figure.unit}".rstrip() + "".join(
        f"; {text}" for text in (figure.note, figure.more) if text)


def table(parts):
    """All figures as text, the ratio first, the limit beside each figure."""
    rows = [("ratio", "figure", "value", "limit", "", "target", "")]
    for part in parts:
        rows.append((f"[{part.name}]", "", "", "", "", "", ""))
        for figure in part.figures:
            ratio = f"{figure.ratio:.2f}" if figure.ratio is not None else ""
            limit = f"{number(figure.limit)} {figure.unit}" if figure.limit is not None else ""
            rows.append((ratio, figure.name, f"{number(figure.value)} {figure.unit}".strip(), limit, figure.limit_is,
                         figure.target, figure.note))
    columns = range(len(rows[0]) - 1)
    widths = [max(len(row[i]) for row in rows if not row[0].startswith("[")) for i in columns]
    right = {0, 2, 3}
    lines = []
    for row in rows:
        if row[0].startswith("["):
            lines.append("\n" + row[0])
            continue
        cells = [row[i].rjust(widths[i]) if i in right else row[i].ljust(widths[i]) for i in columns]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return "\n".join(lines)


def native_tables(part):
    """The tables that a native program measured, as text."""
    lines = []
    for name, rows in part.details.get("tables", {}).items():
        names = list(dict.fromkeys(key for row in rows for key in row))
        cells = [names, *[[cell(row.get(key)) for key in names] for row in rows]]
        widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
        lines.append(f"\n[{part.name}] {name}")
        lines += ["  ".join(text.rjust(width) for text, width in zip(line, widths)) for line in cells]
    return "\n".join(lines)


def cell(value):
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return "" if value is None else str(value)
    return number(value) if isinstance(value, float) else f"{value:,}"


def quantile(ordered, share):
    """The nearest-rank quantile of numbers in order; None of none."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread(values):
    """The quantiles that describe a latency."""
    ordered = sorted(values)
    named = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0))
    return {"count": len(ordered), **{name: quantile(ordered, share) for name, share in named}}


def spread_text(figures, unit="ms"):
    return "  ".join(f"{name} {number(value)} {unit}" if name != "count" else f"{value:,} fires:"
                     for name, value in figures.items() if value is not None)


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, default=str) + "\n")
