#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small programs, clean and leaking, recorded live and judged.

    programs.py record FOLDER [--minutes 25] [NAME...]   runs them all at once and writes FOLDER/NAME.csv, at 1 Hz
    programs.py judge SOAK FOLDER                        what the command SOAK says of each

They are written for this: one file each, of which the first lines say what it does. They sleep nearly all of the time.
Needs Linux, python3, node, cc and c++. What is recorded is RSS and swap together, open descriptors and threads.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
# What each really does, in bytes per second, to a half: 0 is clean.
PROGRAMS = {
    "lru.py": 0,
    "interning.py": 0,
    "bounded_map.js": 0,
    "collector.js": 0,
    "fragmentation.c": 0,
    "arenas.cc": 0,
    "page_in.c": 0,
    "fills_evenly.c": 0,
    "leak_per_request.py": 8e3,
    "leak_one_in_ten.cc": 10e3,
    "leak_under_collector.js": 18e3,
    "leak_beside_fragmentation.c": 8e3,
    "leak_from_half_time.py": 20e3,
}


def command_of(program, folder):
    """How to run it; compiles it if need be."""
    path = HERE / program
    if path.suffix == ".py":
        return [sys.executable, path]
    if path.suffix == ".js":
        return ["node", path]
    built = pathlib.Path(folder, path.stem)
    subprocess.run(["c++" if path.suffix == ".cc" else "cc", "-O1", "-pthread", path, "-o", built], check=True)
    return [built]


def held(pid):
    """RSS and swap in bytes, descriptors and threads."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    field = lambda name: int(re.search(rf"^{name}:\s+(\d+)", status, re.M)[1])
    return (field("VmRSS") + field("VmSwap")) * 1024, len(os.listdir(f"/proc/{pid}/fd")), field("Threads")


def record(arguments):
    folder = pathlib.Path(arguments.folder)
    folder.mkdir(parents=True, exist_ok=True)
    names = arguments.names or list(PROGRAMS)
    with tempfile.TemporaryDirectory() as built:
        commands = {name: command_of(name, built) for name in names}
        running = {name: subprocess.Popen(command, stdin=subprocess.DEVNULL) for name, command in commands.items()}
        files = {name: open(folder / (name + ".csv"), "w") for name in names}
        try:
            for file in files.values():
                file.write("time_s,rss_bytes,fds,threads\n")
            began = time.monotonic()
            for second in range(int(arguments.minutes * 60)):
                time.sleep(max(0, began + second + 1 - time.monotonic()))
                for name, process in running.items():
                    if process.poll() is not None:
                        raise SystemExit(f"{name} ended with status {process.returncode}")
                    values = held(process.pid)
                    files[name].write(f"{time.monotonic() - began:.3f},{','.join(map(str, values))}\n")
                    files[name].flush()
        finally:
            for process in running.values():
                process.kill()
                process.wait()
            used = os.times()
            print(f"processor time of all of them: {used.children_user + used.children_system:.1f} s", file=sys.stderr)


def judge(arguments):
    wrong = 0
    print("| program | truth | judged | what `soak judge` says of RSS |\n| --- | --- | --- | --- |")
    for name, rate in PROGRAMS.items():
        path = pathlib.Path(arguments.folder, name + ".csv")
        if not path.exists():
            continue
        said = subprocess.run([arguments.soak, "judge", path], stdout=subprocess.PIPE, text=True, check=False)
        verdict = re.search(r"\] (PASS|FAIL|INCONCLUSIVE)", said.stdout)
        verdict = verdict[1] if verdict else f"status {said.returncode}"
        rss = next((line.strip() for line in said.stdout.splitlines() if line.startswith("  rss:")), said.stdout.strip())
        others = [line.strip() for line in said.stdout.splitlines() if re.match(r"  (fds|threads): LEAK", line)]
        truth = f"leaks {rate / 1000:g} KB/s" if rate else "clean"
        bad = verdict == "FAIL" if rate == 0 else verdict == "PASS"
        wrong += bad
        print(f"| {name} | {truth} | {'**' + verdict + '**' if bad else verdict} | {'; '.join([rss, *others])} |")
    print(f"\n{wrong} wrong: a clean one accused, or a leak passed")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("record")
    verb.add_argument("folder")
    verb.add_argument("names", nargs="*", metavar="NAME")
    verb.add_argument("--minutes", type=float, default=25)
    verb = verbs.add_parser("judge")
    verb.add_argument("soak")
    verb.add_argument("folder")
    arguments = parser.parse_args()
    return record(arguments) if arguments.verb == "record" else judge(arguments)


if __name__ == "__main__":
    sys.exit(main())
