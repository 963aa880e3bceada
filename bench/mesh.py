#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Measures how many messages a second `mesh directory` acknowledges, beside a twin in Python (peers/mesh_twin.py), and prints a table for
README.md: mesh.py MESH MESH_LOAD [--rounds N] [--messages N] [--senders N] [--folder DIR].

Both check each signature and sync each message before they acknowledge it, many with one sync. They run in turn, round by round, each on
a fresh file in the same folder, with the same load; a figure is the median of its rounds, and the ratio the median of the rounds' ratios.
The exit status is 1 if the bar is missed."""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile

RATIO_MIN = 3.0
TWIN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers", "mesh_twin.py")


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(") ")[2].split(" ")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(service, load, arguments):
    """What mesh_load prints, and the processor time of the service for each message."""
    with subprocess.Popen(service, stdout=subprocess.PIPE, text=True) as process:
        try:
            words = process.stdout.readline().split()
            if len(words) != 3 or words[1] != "listening":
                sys.exit(f"{service[0]} does not listen")
            before = processor_seconds(process.pid)
            result = json.loads(subprocess.run([load, words[2], str(arguments.messages), str(arguments.senders)], check=True,
                                               stdout=subprocess.PIPE, text=True).stdout)
            result["cpu_us"] = (processor_seconds(process.pid) - before) * 1e6 / arguments.messages
            return result
        finally:
            process.send_signal(signal.SIGTERM)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mesh")
    parser.add_argument("load")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--senders", type=int, default=32)
    parser.add_argument("--folder", help="where the files are; a disk, no tmpfs")
    arguments = parser.parse_args()

    ours, twin = [], []
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for number in range(arguments.rounds):
            ours.append(measure([arguments.mesh, "directory", "--db", f"{folder}/ours-{number}.db"], arguments.load, arguments))
            twin.append(measure(["/usr/bin/python3", TWIN, f"{folder}/twin-{number}.db"], arguments.load, arguments))

    def median(rows, field):
        return statistics.median(row[field] for row in rows)
    ratio = statistics.median(a["messages_per_second"] / b["messages_per_second"] for a, b in zip(ours, twin))
    print(f"Of {arguments.rounds} rounds with {arguments.messages} messages from {arguments.senders} senders each, on {os.cpu_count()} "
          f"processors with a load of {os.getloadavg()[0]:.1f}:\n")
    print("| | mesh | Python twin | ratio | bar |")
    print("| --- | --- | --- | --- | --- |")
    print(f"| acknowledged messages a second | {median(ours, 'messages_per_second'):,.0f} | {median(twin, 'messages_per_second'):,.0f} | "
          f"{ratio:.1f} | at least {RATIO_MIN:.0f}: {'met' if ratio >= RATIO_MIN else '**missed**'} |")
    print(f"| processor time of the service for a message and its delivery, us | {median(ours, 'cpu_us'):.0f} | "
          f"{median(twin, 'cpu_us'):.0f} | {median(twin, 'cpu_us') / median(ours, 'cpu_us'):.1f} | |")
    return 0 if ratio >= RATIO_MIN else 1


if __name__ == "__main__":
    sys.exit(main())
