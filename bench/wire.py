#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what a served WebSocket frame costs, and prints a table for README.md: wire.py NEW [OLD] [--rounds N] [--frames N].

NEW and OLD are two builds of wire_bench, of this commit and of one to compare with. They run in turn, round by round, so that both
see the same machine; a figure is the median of its rounds, and a ratio the median of the rounds' ratios. The exit status is 1 if a bar
is missed."""

import argparse
import json
import os
import statistics
import subprocess
import sys

READER_NS_MAX = 300
# Of the processor time of OLD.
BARS = {("wss", "sink"): 0.75, ("wss", "echo"): 0.85, ("ws", "sink"): 1.0, ("ws", "echo"): 1.0}
# Two builds of the same code differ by so much from round to round.
NOISE = 0.03


def rows_of(*command):
    return [json.loads(line) for line in subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("new")
    parser.add_argument("old", nargs="?")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=100_000)
    arguments = parser.parse_args()
    missed = []

    def bar(kept, text):
        if not kept:
            missed.append(text)
        return f"{text}: {'met' if kept else '**missed**'}"

    load = os.getloadavg()[0]
    print(f"Of {arguments.rounds} rounds with {arguments.frames} frames each, on {os.cpu_count()} processors with a load of {load:.1f} before:\n")
    print("| | before | now | ratio | bar |")
    print("| --- | --- | --- | --- | --- |")
    readers = [rows_of(arguments.new, "reader") for _ in range(arguments.rounds)]
    for i, name in enumerate(("whole", "in pieces of a segment")):
        ns = statistics.median(rows[i]["ns_per_frame"] for rows in readers)
        print(f"| reader, {name}, ns | | {ns:.0f} | | {bar(ns <= READER_NS_MAX, f'at most {READER_NS_MAX}')} |")
    for (scheme, work), most in BARS.items():
        new, old = [], []
        for _ in range(arguments.rounds):
            new.append(rows_of(arguments.new, "serve", scheme, work, str(arguments.frames))[0]["cpu_us_per_frame"])
            if arguments.old:
                old.append(rows_of(arguments.old, "serve", scheme, work, str(arguments.frames))[0]["cpu_us_per_frame"])
        name = f"served `{scheme}:`, {work}, us"
        if not old:
            print(f"| {name} | | {statistics.median(new):.2f} | | |")
            continue
        ratio = statistics.median(a / b for a, b in zip(new, old))
        kept = ratio <= most + (NOISE if most == 1.0 else 0)
        print(f"| {name} | {statistics.median(old):.2f} | {statistics.median(new):.2f} | {ratio:.2f} | {bar(kept, f'at most {most:.2f}')} |")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
