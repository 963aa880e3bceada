#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# examples.sh PREFIX SOURCE SCRATCH: builds the small examples against the copy that is unpacked at PREFIX, as the README of each
# shows. Their unit tests pass, their soaks pass, and each soak finds the leak that its example can be given. The runs are as
# short as a finding allows.
set -uo pipefail
prefix=$1
source=$2
scratch=$3

# shellcheck source=expect.sh
. "$source/tests/package/expect.sh"
unset GTEST_RUNSOAK SOAK_VIRTUAL SOAK_SMOKE CACHE_LEAK ECHO_LEAK NOTES_LEAK
use_ccache
rm -rf "$scratch"
mkdir -p "$scratch"

# example NAME PROGRAM: builds it; its unit tests pass and its soak is skipped.
example() {
  must "examples/$1: configure" 0 cmake -S "$source/examples/$1" -B "$scratch/$1" -G Ninja -DCMAKE_PREFIX_PATH="$prefix"
  must "examples/$1: build" 0 cmake --build "$scratch/$1" -j 2
  cd "$scratch/$1" || exit 1
  expect "examples/$1: its tests" 0 "./$2"
  says 'the soak is skipped' '^\[  SKIPPED \] Soak/'
  says 'the unit tests ran' '^\[  PASSED  \] [1-9][0-9]* test'
  expect "examples/$1: CTest knows its soak" 0 ctest -N
  says 'the soak' ' Soak/[A-Za-z]*\.[A-Za-z]*/smoke$'
  grep -q "build/$2 --gtest_runsoak" "$source/examples/$1/README.md" || {
    echo "FAIL: examples/$1/README.md does not say how to run $2"
    failures=$((failures + 1))
  }
}

example cache lru_cache_test
expect 'examples/cache: the soak' 0 ./lru_cache_test --gtest_runsoak --soak_duration=3s
says 'a verdict' '\] PASS: .* puts='
expect 'examples/cache: the leak' 1 env CACHE_LEAK=1 ./lru_cache_test --gtest_runsoak --soak_duration=3s
says 'the finding' 'heap grew .* per cycle, allowed 16\.0 KiB'
says 'the unit tests do not see it' '\[       OK \] LruCache\.ForgetsTheEntryThatWasNotUsedForLongest'

example echo echo_test
expect 'examples/echo: the soak' 0 ./echo_test --gtest_runsoak --soak_duration=3s
says 'a verdict' '\] PASS: .* connections='
expect 'examples/echo: the leak' 1 env ECHO_LEAK=1 ./echo_test --gtest_runsoak --soak_duration=10s
says 'the finding' 'sockets rose '
says 'who holds them' 'held by .* sockets accepted on .* in CLOSE_WAIT'

example http_api notes_test
expect 'examples/http_api: the soak, in virtual time' 0 ./notes_test --soak_virtual --soak_duration=1m
says 'a verdict' '\] PASS: .* notes='
expect 'examples/http_api: the soak, on sockets' 0 ./notes_test --gtest_runsoak --soak_duration=5s
says 'a verdict' '\] PASS: .* notes='
expect 'examples/http_api: the leak' 1 env NOTES_LEAK=1 ./notes_test --gtest_runsoak --soak_duration=5s
says 'the finding' 'heap grew .* per cycle, allowed 16\.0 KiB'

exit $((failures > 0))
