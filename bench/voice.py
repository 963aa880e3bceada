#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures voice traffic over soak beside libwebsockets alone, Node's ws and Python's websockets, and says whether soak keeps
its bars.

Three things: both ends on one core (flat out, and how many sessions it sustains), a client's memory for each session, and
a soak of many sessions with the fake in another process. Programs that are compared run within seconds of each other.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

SOURCES = pathlib.Path(__file__).resolve().parent
FEW = 500  # Sessions from which on memory is counted.


def rows_of(command, core=None):
    """The JSON rows that a program prints, run on one core where one is given."""
    pinned = (lambda: os.sched_setaffinity(0, {core})) if core is not None else None
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, preexec_fn=pinned).stdout
    return [json.loads(line) for line in output.splitlines()]


class Fake:
    """`soak fake openai` as a process of its own, for as long as the `with` lasts."""

    def __init__(self, soak, tls):
        self.process = subprocess.Popen([soak, "fake", "openai"] + (["--tls"] if tls else []), stdout=subprocess.PIPE, text=True)
        self.url = self.said(r"listening on (\S+)")
        self.ca = self.said(r"CA in (\S+)") if tls else "-"
        self.port = re.search(r":(\d+)/", self.url)[1]

    def said(self, pattern):
        return re.search(pattern, self.process.stdout.readline())[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        print("  " + self.process.communicate(timeout=60)[0].strip())


class Bars:
    def __init__(self):
        self.missed = []

    def check(self, name, value, bar, at_least, unit=""):
        kept = value >= bar if at_least else value <= bar
        print(f"  {'kept  ' if kept else 'MISSED'} {name}: {value:,.4g}{unit}, {'at least' if at_least else 'at most'} {bar:,.4g}{unit}")
        if not kept:
            self.missed.append(name)


class Program:
    """A program and what it is told before the numbers; those that sustain fewer sessions are asked from fewer on."""

    def __init__(self, command, kind=(), paced_from=None):
        self.command, self.kind, self.paced_from = command, list(kind), paced_from

    def run(self, arguments, task, *numbers):
        return rows_of([*self.command, task, *self.kind, *map(str, numbers)], arguments.cpu)


def programs(build):
    ours, bare, peers = [str(build / "voice_bench")], [str(build / "lws_voice_bench")], SOURCES / "peers"
    found = {"soak, net": Program(ours, ["net"]), "soak, client and fake": Program(ours, ["voice"]),
             "libwebsockets on libuv": Program(bare, ["libuv"]), "libwebsockets on poll": Program(bare, ["poll"])}
    if shutil.which("node") and os.path.exists("/usr/share/nodejs/ws"):
        found["Node's ws"] = Program(["node", str(peers / "node_voice_bench.mjs")], paced_from=600)
    if importlib.util.find_spec("websockets"):
        found["Python's websockets"] = Program([sys.executable, str(peers / "asyncio_voice_bench.py")], paced_from=200)
    return found


def flat_out(arguments, bars):
    print(f"flat out: {arguments.sessions} connections, both ends on one core")
    rate = {name: [] for name in programs(arguments.build)}
    for _ in range(arguments.rounds):
        for name, program in programs(arguments.build).items():
            row = program.run(arguments, "flat", arguments.sessions)[-1]
            rate[name].append(1e6 / row["cpu_us_per_frame"])
            print(f"  {name}: {row['frames_per_s']:,} frames/s, {row['cpu']:.0%} of the core, {row['cpu_us_per_frame']:.2f} us a frame")
    ratio = lambda ours, theirs: statistics.median(a / b for a, b in zip(rate[ours], rate[theirs]))
    for ours in ("soak, net", "soak, client and fake"):
        print(f"  {ours}: {ratio(ours, 'libwebsockets on libuv'):.2f} of libuv's rate, {ratio(ours, 'libwebsockets on poll'):.2f} of poll's")
    bars.check("flat out, net to libwebsockets on libuv", ratio("soak, net", "libwebsockets on libuv"), 1.0, True)
    bars.check("flat out, net to libwebsockets on poll (stretch)", ratio("soak, net", "libwebsockets on poll"), 0.8, True)


def sustained(arguments, bars):
    print("sessions at 99% of 25 frames/s, both ends on one core")
    most = {}
    for name, program in programs(arguments.build).items():
        first = min(arguments.paced_from, program.paced_from or arguments.paced_from)
        rows = program.run(arguments, "paced", first, arguments.paced_to)
        kept = [row for row in rows if row["share"] >= 0.99]
        most[name] = kept[-1]["sessions"] if kept else 0
        last = (kept or rows)[-1]
        print(f"  {name}: {most[name]:,}, with {last['cpu']:.0%} of the core, {last['cpu_us_per_frame']:.2f} us a frame")
    bars.check("sessions sustained, client and fake", most["soak, client and fake"], arguments.paced_bar, True)


def memory(arguments, bars):
    for tls in (False, True):
        scheme = "wss" if tls else "ws"
        print(f"memory of a client session on {scheme}:, from {arguments.few} to {arguments.sessions}")
        bytes_each = {}
        with Fake(arguments.soak, tls) as fake:
            counts = [str(arguments.few), str(arguments.sessions)]
            for name, command in {
                    "soak": [str(arguments.build / "voice_bench"), "memory", fake.url, fake.ca],
                    "libwebsockets": [str(arguments.build / "lws_voice_bench"), "memory", fake.port, fake.ca]}.items():
                bytes_each[name] = rows_of(command + counts)[-1]["bytes_a_session"]
                print(f"  {name}: {bytes_each[name] / 1024:.1f} KiB")
        if tls:
            bars.check("wss: memory to libwebsockets", bytes_each["soak"] / bytes_each["libwebsockets"], 1.5, False)
        else:
            bars.check("ws: memory", bytes_each["soak"] / 1024, 16, False, " KiB")


def scale(arguments, bars):
    for tls in (False, True):
        scheme = "wss" if tls else "ws"
        print(f"{arguments.sessions} sessions on {scheme}:, client and fake in two processes, {arguments.seconds} s")
        with Fake(arguments.soak, tls) as fake, tempfile.TemporaryDirectory() as folder:
            subprocess.run([arguments.soak, "voice", "--provider", "openai", "--url", fake.url,
                            "--sessions", str(arguments.sessions), "--duration", f"{arguments.seconds}s",
                            "--reconnect-every", "30s", "--report-dir", folder, "--seed", "1"]
                           + (["--ca", fake.ca] if tls else []), stdout=subprocess.DEVNULL, check=False)
            report = json.loads((pathlib.Path(folder) / "voice-openai.json").read_text())
        traffic = report["traffic"][0]
        due, met = sum(traffic["due_by_third"]), sum(traffic["met_by_third"])
        print("  " + report["summary"])
        print(f"  late: p50 {traffic['late_p50_s'] * 1e3:.1f} ms, p99 {traffic['late_p99_s'] * 1e3:.1f} ms, max {traffic['late_max_s'] * 1e3:.1f} ms;"
              f" one more session: {report.get('session_rss_bytes', 0) / 1024:.1f} KiB; failed {report['failed_cycles']}")
        bars.check(f"{scheme}: share of the nominal frames", met / due, 0.999, True)
        bars.check(f"{scheme}: p99 of lateness", traffic["late_p99_s"] * 1e3, 40, False, " ms")


TASKS = {"flat": flat_out, "sustained": sustained, "memory": memory, "scale": scale}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=SOURCES.parent / "build/bench/bench", help="where the programs are")
    parser.add_argument("--only", choices=TASKS, action="append", help="one of the tasks; may be given again")
    parser.add_argument("--rounds", type=int, default=3, help="of flat out")
    parser.add_argument("--sessions", type=int, default=1800)
    parser.add_argument("--seconds", type=int, default=150, help="of the soak; all sessions are open for 0.8 of it")
    parser.add_argument("--paced-from", type=int, default=1000)
    parser.add_argument("--paced-to", type=int, default=5000)
    parser.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)), help="the core for both ends")
    parser.add_argument("--smoke", action="store_true", help="few sessions, once: does everything run?")
    arguments = parser.parse_args()
    arguments.soak = str(arguments.build.parent / "tools/soak/soak")
    arguments.few, arguments.paced_bar = FEW, 2500
    if arguments.smoke:
        arguments.rounds, arguments.sessions, arguments.few, arguments.seconds = 1, 120, 40, 10
        arguments.paced_from = arguments.paced_to = arguments.paced_bar = 100
    print(f"load average {os.getloadavg()[0]:.1f}")
    bars = Bars()
    for name, task in TASKS.items():
        if not arguments.only or name in arguments.only:
            task(arguments, bars)
    sys.exit(1 if bars.missed and not arguments.smoke else 0)


if __name__ == "__main__":
    main()
