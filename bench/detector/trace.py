#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""trace.py REPORT.json > TRACE.csv: what RSS and the heap were at the quiescent points of a run, for the study."""

import json
import sys


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: trace.py REPORT.json > TRACE.csv")
    with open(sys.argv[1], encoding="utf-8") as file:
        report = json.load(file)
    series = {one["name"]: one["at_rest"] for one in report["series"]}
    print("time_s,rss_bytes,heap_bytes")
    for (at, _, rss), (_, _, heap) in zip(series["rss"], series["heap"]):
        print(f"{at:.3f},{rss},{heap}")


main()
