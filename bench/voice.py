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


class Machine:
    """What the whole machine is busy with, since this was made: a measurement beside other work says less."""

    TICKS = os.sysconf("SC_CLK_TCK")

    def __init__(self):
        self.busy, self.all = self.processors()
        self.used = self.processes()

    @staticmethod
    def processors():
        times = [int(word) for word in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        return sum(times) - times[3] - times[4], sum(times)  # Neither idle nor waiting for a disk.

    @staticmethod
    def processes():
        used = {}
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                name, rest = re.fullmatch(r"\d+ \((.*)\) (.*)", stat.read_text().strip(), re.DOTALL).groups()
                fields = rest.split()
                # Its children that have ended belong to it: the programs that are measured end before anybody looks.
                used[int(stat.parent.name)] = name, sum(map(int, fields[11:15]))
            except (OSError, ProcessLookupError):
                pass  # It has ended meanwhile.
        return used

    def __str__(self):
        busy, total = self.processors()
        by_name = {}
        for process, (name, ticks) in self.processes().items():
            by_name[name] = by_name.get(name, 0) + ticks - self.used.get(process, (name, 0))[1]
        most = sorted(((ticks / self.TICKS, name) for name, ticks in by_name.items() if ticks > 0), reverse=True)[:4]
        share = (busy - self.busy) / max(total - self.all, 1)
        return (f"the machine's {os.cpu_count()} processors were {share:.0%} busy: "
                + (", ".join(f"{name} {seconds:.1f} s" for seconds, name in most) or "nothing that still runs"))


def processor_seconds(process):
    """Of a process that runs."""
    fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / Machine.TICKS


class Fake:
    """`soak fake openai` as a process of its own, for as long as the `with` lasts. Its answers are not limited: one limit for all
    sessions together would be what is measured."""

    def __init__(self, soak, tls):
        self.process = subprocess.Popen([soak, "fake", "openai", "--tokens-per-minute", "0"] + (["--tls"] if tls else []),
                                        stdout=subprocess.PIPE, text=True)
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
        machine = Machine()
        rows = program.run(arguments, "paced", first, arguments.paced_to)
        kept = [row for row in rows if row["share"] >= 0.99]
        failed = [row for row in rows if row["share"] < 0.99]
        most[name] = kept[-1]["sessions"] if kept else 0
        print(f"  {name}: {most[name]:,}")
        for what, row in ("kept", (kept or [None])[-1]), ("failed", (failed or [None])[0]):
            if row:
                print(f"    {what} {row['sessions']:,}: {row['share']:.1%} of the frames, {row['cpu']:.0%} of the core, "
                      f"{row['cpu_us_per_frame']:.2f} us a frame")
        print(f"    {machine}")
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
        machine = Machine()
        with Fake(arguments.soak, tls) as fake, tempfile.TemporaryDirectory() as folder:
            before = os.times()
            subprocess.run([arguments.soak, "voice", "--provider", "openai", "--url", fake.url,
                            "--sessions", str(arguments.sessions), "--duration", f"{arguments.seconds}s",
                            "--reconnect-every", "30s", "--report-dir", folder, "--seed", "1"]
                           + (["--ca", fake.ca] if tls else []), stdout=subprocess.DEVNULL, check=False)
            after = os.times()
            client_s = after.children_user + after.children_system - before.children_user - before.children_system
            fake_s = processor_seconds(fake.process.pid)
            report = json.loads((pathlib.Path(folder) / "voice-openai.json").read_text())
        traffic = report["traffic"][0]
        due, met = sum(traffic["due_by_third"]), sum(traffic["met_by_third"])
        print("  " + report["summary"])
        print(f"  late: p50 {traffic['late_p50_s'] * 1e3:.1f} ms, p99 {traffic['late_p99_s'] * 1e3:.1f} ms, max {traffic['late_max_s'] * 1e3:.1f} ms;"
              f" one more session: {report.get('session_rss_bytes', 0) / 1024:.1f} KiB; failed {report['failed_cycles']}")
        answers = report.get("answers", {})
        print(f"  processor time: client {client_s:.1f} s, {client_s / max(met, 1) * 1e6:.1f} us a frame; fake {fake_s:.1f} s, "
              f"{fake_s / max(met, 1) * 1e6:.1f} us a frame")
        print(f"  answers: {answers.get('received', 0):,} of {answers.get('asked', 0):,}, first audio p50 "
              f"{answers.get('first_audio_p50_s', 0) * 1e3:.1f} ms, p99 {answers.get('first_audio_p99_s', 0) * 1e3:.1f} ms")
        print(f"  {machine}")
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
