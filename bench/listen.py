#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what a session costs the listen service of examples/pusher, beside the same handler in Python on websockets and asyncio,
and prints a table: listen.py LISTEN_BENCH LISTEN [--sessions N] [--seconds N] [--rounds N].

Both run in turn, each as a fresh process; a ratio is the median of the rounds' ratios. The exit status is 1 if a bar is missed."""

import argparse
import json
import os
import statistics
import subprocess
import sys

BARS = {"bytes_a_session": ("bytes a session", 1 / 3), "cpu_us_a_session_second": ("processor time, us a session and second", 1 / 5)}
FIGURES = {"teardown_ms": "teardown of all, ms", "teardown_cpu_ms": "its processor time, ms"}
PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's python3-websockets.


def measure(bench, sessions, seconds, command):
    lines = subprocess.run([bench, str(sessions), str(seconds), *command], check=True, stdout=subprocess.PIPE, text=True).stdout
    figures = json.loads(lines.splitlines()[-1])
    if figures["failed"]:
        sys.exit(f"listen.py: {figures['failed']} of {sessions} sessions failed with {command[0]}")
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench")
    parser.add_argument("listen")
    parser.add_argument("--sessions", type=int, default=1800)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    handler = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers", "listen_handler.py")
    ours, theirs = [], []
    load = os.getloadavg()[0]
    for _ in range(arguments.rounds):
        ours.append(measure(arguments.bench, arguments.sessions, arguments.seconds, [arguments.listen, "{pusher}", "{speech}", "{stores}"]))
        theirs.append(measure(arguments.bench, arguments.sessions, arguments.seconds, [PYTHON, handler, "{pusher}", "{speech}"]))
    print(f"{arguments.sessions} sessions, {arguments.rounds} rounds of {arguments.seconds} s, on {os.cpu_count()} processors with a load of {load:.1f} before:\n")
    print("| | listen | Python | ratio | bar |\n| --- | --- | --- | --- | --- |")
    missed = False
    for key in (*BARS, *FIGURES):
        ratio = statistics.median(a[key] / max(b[key], 1e-9) for a, b in zip(ours, theirs))
        name, most = BARS.get(key, (FIGURES.get(key), None))
        kept = most is None or ratio <= most
        missed = missed or not kept
        bar = "" if most is None else f"at most {most:.2f}: {'met' if kept else '**missed**'}"
        print(f"| {name} | {statistics.median(a[key] for a in ours):,.0f} | {statistics.median(b[key] for b in theirs):,.0f} | {ratio:.2f} | {bar} |")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
