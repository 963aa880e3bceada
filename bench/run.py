#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures soak's primitives beside those of its peers, and says whether soak keeps its bars.

Everything runs on one core. Each task is taken in turn by all programs, and that several times over, so that what
else the machine does hits all alike; ratios are taken within a round. What counts is processor time.
"""

import argparse
import glob
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys

SOURCES = pathlib.Path(__file__).resolve().parent

# What is measured: (name, items, heading). Times are ns, the others bytes, for each item.
TASKS = [
    ("gather", 100_000, "gather"),
    ("gather10", 100_000, "gather10"),
    ("live_event", 100_000, "live, on an event"),
    ("live_timer", 100_000, "live, on a timer"),
    ("drain", 10_000, "drain"),
    ("wake", 10_000, "wake"),
    ("supervise", 1_800, "supervise"),
    ("session_bytes", 1_800, "bytes a session"),
]
BYTES = {"live_event", "live_timer", "session_bytes"}

# At most so much of what the peer takes, and at most so many bytes.
RATIO_BARS = [
    ("gather", "Tokio", 0.27),
    ("gather10", "Asio", 0.5),
    ("drain", "Asio", 0.5),
    ("wake", "Tokio", 0.35),
    ("supervise", "Asio", 0.45),
    ("session_bytes", "Tokio", 0.55),
]
BYTES_BARS = [("live_event", 256), ("live_timer", 384)]
VIRTUAL_DAY_BAR_S = 2.0


# What a warm repetition has touched stays: glibc would give the heap back between two repetitions and fault it in
# again. For the programs that allocate by malloc; where bytes are counted, all is as the system has it.
KEEP_HEAP = {"GLIBC_TUNABLES": "glibc.malloc.trim_threshold=4294967296:glibc.malloc.top_pad=268435456:"
                               "glibc.malloc.mmap_threshold=4294967296"}


def run_pinned(command, task):
    """Its output. The core is what this process is bound to."""
    environment = os.environ if task in BYTES else os.environ | KEEP_HEAP
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True).stdout


class GoogleBenchmark:
    """A C++ program; `spelling` is how its rows are called."""

    def __init__(self, path, spelling="{}"):
        self.path = path
        self.spelling = spelling

    def measure(self, task, items, repetitions):
        row = self.spelling.format(task)
        output = run_pinned([self.path, f"--benchmark_filter=^{row}/{items}/", "--benchmark_format=json",
                             f"--benchmark_repetitions={repetitions}"], task)
        if not output:
            return None  # It has no such row.
        rows = [row for row in json.loads(output)["benchmarks"] if row["run_type"] == "iteration"]
        for row in rows:
            if row.get("error_occurred"):
                sys.exit(f"{row['name']}: {row['error_message']}")
        in_bytes = task in BYTES
        return [row["per_item"] * (1 if in_bytes else 1e9) for row in rows]


class Program:
    """Any other: called with task, items and repetitions, it prints a figure a line."""

    def __init__(self, *command):
        self.command = command

    def measure(self, task, items, repetitions):
        output = run_pinned([*self.command, task, str(items), str(repetitions)], task)
        return [float(line) for line in output.split()]


def asio_version():
    version = int(re.search(r"ASIO_VERSION (\d+)", pathlib.Path("/usr/include/asio/version.hpp").read_text())[1])
    return f"{version // 100000}.{version // 100 % 1000}"


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def find_programs(build):
    """Label -> (title, program) of those that are there, and the names of those that are not."""
    ours = build / "soak_bench"
    programs = {
        "soak": ("**soak**", GoogleBenchmark(ours, "{}<UvLoop>")),
        "unwinding": ("soak, tasks that unwind (b)", GoogleBenchmark(ours, "{}_unwinding<UvLoop>")),
        "virtual": ("soak, VirtualLoop", GoogleBenchmark(ours, "{}<VirtualLoop>")),
    }
    absent = []
    tokio = build / "tokio/target/release/tokio_bench"
    if tokio.exists():
        version = glob.glob("/usr/share/cargo/registry/tokio-1.*")[0].rpartition("-")[2]
        programs["Tokio"] = (f"Tokio {version}", Program(tokio))
    else:
        absent.append("Tokio (cargo, rustc, librust-tokio-dev)")
    if (build / "asio_bench").exists():
        programs["Asio"] = (f"Asio {asio_version()}", GoogleBenchmark(build / "asio_bench"))
        programs["Asio, concrete"] = (f"Asio {asio_version()}, concrete executor (c)",
                                      GoogleBenchmark(build / "asio_concrete_bench"))
    else:
        absent.append("Asio (libasio-dev)")
    if (build / "go/go_bench").exists():
        programs["Go"] = (f"Go {output_of('/usr/bin/go', 'version').split()[2].removeprefix('go')}",
                          Program(build / "go/go_bench"))
    else:
        absent.append("Go (golang-go)")
    if shutil.which("node"):
        programs["Node"] = (f"Node {output_of('node', '--version').removeprefix('v')}",
                            Program("node", "--expose-gc", SOURCES / "peers/node_bench.mjs"))
    else:
        absent.append("Node (nodejs)")
    programs["asyncio"] = (f"asyncio (Python {platform.python_version()})",
                           Program(sys.executable, SOURCES / "peers/asyncio_bench.py"))
    return programs, absent


def measure_all(programs, rounds, repetitions, divide):
    """task -> label -> a list of repetitions for each round."""
    figures = {}
    for task, items, heading in TASKS:
        figures[task] = {}
        for turn in range(rounds):
            print(f"\r{heading}, round {turn + 1} of {rounds}  ".ljust(50), end="", file=sys.stderr, flush=True)
            for label, (_, program) in programs.items():
                # What is resident is seen only once, in a process that has done nothing else; the first repetition
                # of the others warms up.
                once = task in BYTES
                values = program.measure(task, items // divide, 1 if once else 1 + repetitions)
                if values:
                    figures[task].setdefault(label, []).append(values if once else values[1:])
    print("\r".ljust(52) + "\r", end="", file=sys.stderr)
    return figures


def median(rounds):
    return statistics.median(value for values in rounds for value in values)


def ratio(ours, theirs):
    """Of the medians of each round; then their median."""
    return statistics.median(statistics.median(a) / statistics.median(b) for a, b in zip(ours, theirs))


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "| --- " * len(header) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def figures_table(programs, figures):
    rows = []
    for label, (title, _) in programs.items():
        cells = [f"{median(figures[task][label]):,.0f}" if label in figures[task] else "-" for task, _, _ in TASKS]
        rows.append([title, *cells])
    return table(["", *(heading for _, _, heading in TASKS)], rows)


def ratios_table(programs, figures):
    rows = []
    for label, (title, _) in programs.items():
        if label in ("soak", "unwinding", "virtual"):
            continue
        cells = []
        for task, _, _ in TASKS:
            both = "soak" in figures[task] and label in figures[task]
            cells.append(f"{ratio(figures[task]['soak'], figures[task][label]):.2f}" if both else "-")
        rows.append([title, *cells])
    return table(["soak against", *(heading for _, _, heading in TASKS)], rows)


def judge(programs, figures, virtual_day_s):
    """Rows of (what, measured, allowed, "pass", "FAIL" or "not measured")."""
    rows = []

    def add(what, measured, allowed, unit):
        if measured is None:
            rows.append((what, "-", f"{allowed:g}{unit}", "not measured"))
        else:
            rows.append((what, f"{measured:.3g}{unit}", f"{allowed:g}{unit}", "pass" if measured <= allowed else "FAIL"))

    headings = {task: heading for task, _, heading in TASKS}
    for task, peer, allowed in RATIO_BARS:
        if task not in figures:
            continue  # Left out by --only.
        both = "soak" in figures[task] and peer in figures[task]
        title = programs[peer][0] if peer in programs else peer
        add(f"{headings[task]}, against {title}",
            ratio(figures[task]["soak"], figures[task][peer]) if both else None, allowed, "")
    for task, allowed in BYTES_BARS:
        if task in figures:
            add(headings[task], median(figures[task]["soak"]), allowed, " bytes")
    add("virtual day", virtual_day_s, VIRTUAL_DAY_BAR_S, " s")
    return rows


FOOTNOTES = """\
(a) soak's drain and supervise are judged by their fast form: a sleep started as a task, and session tasks that watch
their session's shutdown. (b) is the same with ordinary coroutines, which unwind by throwing Cancelled.
(c) The bars are against Asio as it comes, with any_io_executor; this row is Asio with every type naming its executor."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=SOURCES.parent / "build/bench/bench",
                        help="where the programs are")
    parser.add_argument("--out", type=pathlib.Path, default=SOURCES.parent / "build/bench", help="where the results go")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repetitions", type=int, default=5, help="measured ones, in each round")
    parser.add_argument("--only", help="a regular expression of tasks, such as 'gather|wake'")
    parser.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)), help="the core to run on")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, once: does everything run?")
    options = parser.parse_args()

    os.sched_setaffinity(0, {options.cpu})
    if options.only:
        TASKS[:] = [task for task in TASKS if re.fullmatch(options.only, task[0])]
    divide = 100 if options.smoke else 1
    rounds, repetitions = (1, 1) if options.smoke else (options.rounds, options.repetitions)

    programs, absent = find_programs(options.build)
    load_before = os.getloadavg()[0]
    figures = measure_all(programs, rounds, repetitions, divide)
    day = programs["soak"][1]
    day = GoogleBenchmark(day.path).measure("virtual_day", 1_000 // divide, 1 + repetitions)
    virtual_day_s = statistics.median(day[1:]) / 1e9
    bars = judge(programs, figures, virtual_day_s)

    text = "\n\n".join([
        f"ns of processor time, or resident bytes, for each task; medians of {rounds} x {repetitions} on one core; "
        f"load {load_before:.1f} to {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
        figures_table(programs, figures), ratios_table(programs, figures),
        f"A virtual day of 1,000 periodic tasks at 30 s, 2.9 million wake-ups: {virtual_day_s:.2f} s",
        table(["bar", "measured", "allowed", ""], bars), FOOTNOTES,
        *([f"Skipped, not installed: {'; '.join(absent)}"] if absent else []),
    ])
    print(text)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "primitives.md").write_text(text + "\n")
    (options.out / "primitives.json").write_text(json.dumps({
        "machine": {"cores": os.cpu_count(), "kernel": platform.release(), "load_before": load_before},
        "titles": {label: title for label, (title, _) in programs.items()},
        "absent": absent,
        "figures": figures,
        "virtual_day_s": virtual_day_s,
        "bars": [dict(zip(("bar", "measured", "allowed", "outcome"), bar)) for bar in bars],
    }, indent=1) + "\n")
    if options.smoke:
        print("\nA smoke run: everything ran; the figures mean nothing.")
        return 0
    return 0 if all(bar[3] == "pass" for bar in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
