#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what a project pays that uses soak: consumer.py PREFIX [--rounds N] [--clone].

PREFIX is an installed copy. Prints, in this order:

- the processor time to compile a test file with soak/soak_test.h, of that with gtest/gtest.h. The two are compiled in turn, round by
  round, and the ratio is the median of the rounds' ratios, so that other load on the machine changes it little;
- the size of a test program with soak::gating alone, and of the same without soak;
- with --clone: the time from a clean clone of this tree to the first green soak test in a project that adds it as a subdirectory,
  without a compiler cache.

The exit status is 1 if the bar of the first ratio is missed."""

import argparse
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

RATIO_MAX = 1.15
TREE = pathlib.Path(__file__).resolve().parent.parent

GTEST_FILE = """\
#include <{header}>

#include <map>
#include <string>

TEST(Cache, Puts) {{
  std::map<int, std::string> cache;
  cache[1] = "one";
  EXPECT_EQ(cache.size(), 1u);
}}
"""

SOAK = """\

SOAK_TEST(Cache, SurvivesChurn) {
  std::map<int, std::string> cache;
  soak::Run run;
  for (auto cycle : run) {
    cache[1] = "one";
    cache.clear();
    run.count("puts");
    cycle.quiescent();
  }
  EXPECT_SOAK(run);
}
"""

PROJECT = """\
cmake_minimum_required(VERSION 3.25)
project(first_test LANGUAGES C CXX)
add_subdirectory(soak EXCLUDE_FROM_ALL)
add_executable(cache_test cache_test.cc)
target_link_libraries(cache_test PRIVATE soak::main)
"""


def processor_time(*command, **options):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, **options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def pkg_config(prefix, *arguments):
    directories = {str(file.parent) for file in prefix.rglob("soak-main.pc")}
    if len(directories) != 1:
        sys.exit(f"{prefix}: expected one soak-main.pc below it, found {len(directories)}")
    environment = {**os.environ, "PKG_CONFIG_PATH": directories.pop()}
    return subprocess.run(["pkg-config", *arguments], check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout.split()


def compile_ratios(compiler, prefix, rounds, scratch):
    files = {
        "gtest/gtest.h": GTEST_FILE.format(header="gtest/gtest.h"),
        "soak/soak_test.h": GTEST_FILE.format(header="soak/soak_test.h"),
        "soak/soak_test.h and a SOAK_TEST": GTEST_FILE.format(header="soak/soak_test.h") + SOAK,
    }
    flags = pkg_config(prefix, "--cflags", "soak-main")
    ratios = {name: [] for name in files}
    seconds = []
    for _ in range(rounds):
        times = {}
        for number, (name, text) in enumerate(files.items()):
            source = scratch / f"{number}.cc"
            source.write_text(text)
            times[name] = processor_time(compiler, "-std=c++20", *flags, "-c", "-o", scratch / f"{number}.o", source)
        seconds.append(times["gtest/gtest.h"])
        for name, ratio in ratios.items():
            ratio.append(times[name] / times["gtest/gtest.h"])
    print(f"a test file with gtest/gtest.h: {statistics.median(seconds):.2f} s of processor time")
    for name, ratio in list(ratios.items())[1:]:
        low, median, high = statistics.quantiles(ratio, n=4)
        print(f"the same with {name}: {median:.2f} times that (half of the rounds: {low:.2f} to {high:.2f})")
    return statistics.median(ratios["soak/soak_test.h"])


def program_size(compiler, prefix, scratch):
    flags = pkg_config(prefix, "--cflags", "soak-gating")
    sources = pkg_config(prefix, "--variable=sources", "soak-gating")
    libraries = pkg_config(prefix, "--libs", "soak-gating")
    alone = scratch / "alone.cc"
    alone.write_text(GTEST_FILE.format(header="gtest/gtest.h"))
    soaked = scratch / "soaked.cc"
    soaked.write_text(GTEST_FILE.format(header="soak/soak_test.h") + SOAK)
    sizes = []
    for program, command in (("alone", [alone]), ("soaked", [*flags, soaked, *sources])):
        subprocess.run([compiler, "-std=c++20", "-O2", "-s", "-o", scratch / program, *command, "-lgtest_main", *libraries, "-lgtest", "-pthread"], check=True)
        sizes.append((scratch / program).stat().st_size)
    print(f"a stripped test program with GoogleTest alone: {sizes[0] / 1e6:.1f} MB; with soak::gating: {sizes[1] / 1e6:.1f} MB, {sizes[1] / sizes[0]:.1f} times that")


def first_green_test(scratch):
    environment = {**os.environ, "CCACHE_DISABLE": "1"}
    start = time.monotonic()
    step = processor_time("git", "clone", "--quiet", TREE, scratch / "soak")
    (scratch / "CMakeLists.txt").write_text(PROJECT)
    (scratch / "cache_test.cc").write_text(GTEST_FILE.format(header="soak/soak_test.h") + SOAK)
    step += processor_time("cmake", "-S", scratch, "-B", scratch / "build", stdout=subprocess.DEVNULL, env=environment)
    step += processor_time("cmake", "--build", scratch / "build", "-j", str(os.cpu_count()), stdout=subprocess.DEVNULL, env=environment)
    subprocess.run([scratch / "build/cache_test", "--soak_smoke"], check=True, stdout=subprocess.DEVNULL, cwd=scratch)
    print(f"from a clean clone to the first green soak test: {time.monotonic() - start:.0f} s on {os.cpu_count()} cores, {step:.0f} s of processor time")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prefix", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--clone", action="store_true")
    parser.add_argument("--compiler", default=os.environ.get("CXX", "g++"))
    arguments = parser.parse_args()
    if arguments.rounds < 2:
        parser.error("--rounds: expected at least 2")
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="soak-consumer-"))
    try:
        ratio = compile_ratios(arguments.compiler, arguments.prefix.resolve(), arguments.rounds, scratch)
        program_size(arguments.compiler, arguments.prefix.resolve(), scratch)
        if arguments.clone:
            first_green_test(scratch)
    finally:
        shutil.rmtree(scratch)
    met = ratio <= RATIO_MAX
    print(f"at most {RATIO_MAX} times the time of gtest/gtest.h: {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
