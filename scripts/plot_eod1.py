#!/usr/bin/env python3
"""Table and plot of EOD-1 runs, with the standard library alone.

    scripts/plot_eod1.py RESULTS.jsonl PLOT.svg

RESULTS holds a run a line, as scripts/bench_eod1.sh leaves them. A row of the table is an engine's medians on one
input; the ratio is that of the fastest other engine on the same input, by CPU seconds and by wall time. The plot shows
CPU seconds and peak memory of the largest day in RESULTS.
"""
import collections
import json
import statistics
import sys
from xml.sax.saxutils import escape

OURS = "tieout"
INPUTS = {"csv": "CSV", "parquet": "Parquet"}


def medians(path):
    runs = collections.defaultdict(list)
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            run = json.loads(line)
            if run["status"] == 0:
                runs[run["rows"], run["format"], run["peer"]].append(run)
    found = {}
    for key, of_key in runs.items():
        found[key] = {name: statistics.median(run[name] for run in of_key) for name in ("cpu", "wall", "rss_mb", "other")}
        found[key]["runs"] = len(of_key)
        found[key]["wrong"] = [run["check"] for run in of_key if run.get("check", "OK") != "OK"]
    return found


def table(found):
    print("| Rows | Input | Engine | Runs | CPU s | Wall s | Peak MB | tieout: CPU | tieout: wall | Other load |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for rows, form in sorted({key[:2] for key in found}):
        of_input = {key[2]: value for key, value in found.items() if key[:2] == (rows, form)}
        ours = of_input.get(OURS)
        for engine in sorted(of_input, key=lambda engine: of_input[engine]["cpu"]):
            run = of_input[engine]
            ratios = ["", ""]
            if ours and engine != OURS:
                ratios = [f"{run[name] / ours[name]:.2f}×" for name in ("cpu", "wall")]
            print(f"| {rows:,} | {INPUTS.get(form, form)} | {engine} | {run['runs']} | {run['cpu']:.1f} | {run['wall']:.1f} "
                  f"| {run['rss_mb']:,.0f} | {ratios[0]} | {ratios[1]} | {run['other']:.0%} |")
            for why in run["wrong"]:
                print(f"{engine}: {why}", file=sys.stderr)
        others = {engine: run for engine, run in of_input.items() if engine != OURS}
        if ours and others:
            best = [min(others, key=lambda engine: others[engine][name]) for name in ("cpu", "wall")]
            ratios = [others[engine][name] / ours[name] for engine, name in zip(best, ("cpu", "wall"))]
            print(f"| {rows:,} | {INPUTS.get(form, form)} | **fastest other** | | {best[0]} | {best[1]} | | "
                  f"**{ratios[0]:.2f}×** | **{ratios[1]:.2f}×** | |")


def bars(out, left, top, width, title, values, unit):
    """Horizontal bars of (label, is ours, value), the least on top."""
    most = max(value for _, _, value in values)
    out.append(f'<text x="{left}" y="{top}" class="title">{escape(title)}</text>')
    name_width, step = 86, 24
    for at, (label, is_ours, value) in enumerate(sorted(values, key=lambda bar: bar[2])):
        y = top + 14 + at * step
        length = max(1.0, (width - name_width - 64) * value / most)
        out.append(f'<text x="{left + name_width - 8}" y="{y + 13}" class="name">{escape(label)}</text>')
        out.append(f'<rect x="{left + name_width}" y="{y}" width="{length:.1f}" height="17" rx="2" '
                   f'class="{"ours" if is_ours else "bar"}"/>')
        out.append(f'<text x="{left + name_width + length + 6:.1f}" y="{y + 13}">{escape(unit(value))}</text>')
    return top + 14 + len(values) * step


def plot(found, path):
    rows = max(key[0] for key in found)
    forms = [form for form in INPUTS if any(key[:2] == (rows, form) for key in found)]
    out, width, bottom = [], 860, 0
    column = (width - 40) / max(1, len(forms))
    for at, form in enumerate(forms):
        of_input = {key[2]: value for key, value in found.items() if key[:2] == (rows, form)}
        left = 20 + at * column
        values = [(engine, engine == OURS, run["cpu"]) for engine, run in of_input.items()]
        end = bars(out, left, 62, column - 20, f"from {INPUTS[form]}: CPU seconds", values, lambda value: f"{value:.1f} s")
        values = [(engine, engine == OURS, run["rss_mb"] / 1000) for engine, run in of_input.items()]
        end = bars(out, left, end + 34, column - 20, "peak memory", values, lambda value: f"{value:.1f} GB")
        bottom = max(bottom, end)
    height = bottom + 34
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="EOD-1, {rows:,} rows: CPU seconds and peak memory by engine">',
        "<style>text{font:13px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600}.name{text-anchor:end}"
        ".note{fill:#59636e;font-size:12px}.bar{fill:#afb8c1}.ours{fill:#1a7f64}.page{fill:#ffffff}</style>",
        f'<rect class="page" width="{width}" height="{height}"/>',
        f'<text x="20" y="30" class="title">EOD-1: {rows:,} platform rows against a bank statement, two threads</text>',
    ]
    foot = [
        f'<text x="20" y="{height - 14}" class="note">tieout closes the whole day (journal, reserve, hashes, sync); the '
        "others write EOD-1's four tables. Medians of runs in turn.</text>",
        "</svg>",
    ]
    with open(path, "w", encoding="utf-8") as svg:
        svg.write("\n".join(head + out + foot) + "\n")


def main():
    if len(sys.argv) != 3:
        print(__doc__.strip(), file=sys.stderr)
        return 64
    found = medians(sys.argv[1])
    if not found:
        print(f"plot_eod1.py: no finished run in {sys.argv[1]}", file=sys.stderr)
        return 66
    table(found)
    plot(found, sys.argv[2])
    return 65 if any(run["wrong"] for run in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
