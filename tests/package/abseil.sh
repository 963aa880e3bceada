#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# abseil.sh PREFIX SOURCE SCRATCH: a consumer whose own GoogleTest is built with Abseil, which then parses all flags. Exits 77
# where Abseil or RE2 is missing, or fails if the tools are required.
set -uo pipefail
prefix=$1
source=$2
scratch=$3

# shellcheck source=expect.sh
. "$source/tests/package/expect.sh"
unset GTEST_RUNSOAK SOAK_VIRTUAL SOAK_SMOKE
use_ccache
if ! pkg-config --exists absl_flags_parse re2; then
  echo "needs libabsl-dev and libre2-dev; 'make test-tools' installs them"
  [[ ${SOAK_TOOLS_REQUIRED:-0} == 1 ]] && exit 1
  exit 77
fi
rm -rf "$scratch"
mkdir -p "$scratch"
must 'configure' 0 cmake -S "$source/tests/package/own_googletest" -B "$scratch/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" \
  -DGOOGLETEST=/usr/src/googletest -DABSEIL=ON
must 'build' 0 cmake --build "$scratch/build" -j 2

cd "$scratch" || exit 1
for program in leak_soak cache_test; do  # One has GoogleTest's main(), the other soak's.
  expect "$program without a mode" 0 build/$program
  says 'skipped' '\[  SKIPPED \] Soak/'
  expect "$program: a listing" 0 build/$program --gtest_list_tests --gtest_runsoak
  says 'the soaks' '^Soak/'
  expect "$program: a misspelt flag of ours" 2 build/$program --gtest_runsoaks
  says 'its name' '--gtest_runsoaks is not an option of this program'
  expect "$program: a flag that nobody knows" 1 build/$program --gtest_runs
  says "Abseil's error" "Unknown command line flag 'gtest_runs'"
done
expect 'leak_soak: --gtest_runsoak, an option of ours, and a flag of GoogleTest' 1 \
  build/leak_soak --gtest_runsoak --soak_seed=7 --gtest_repeat=2
says 'the finding' 'heap grew .* per cycle, allowed 16\.0 KiB'
says 'the option' 'rerun .*--soak_seed=7'
says 'repeated' 'Repeating all tests \(iteration 2\)'
expect 'cache_test: --gtest_runsoak' 0 build/cache_test --gtest_runsoak
says 'it ran' '\[       OK \] Soak/Cache\.SurvivesChurn'
expect 'cache_test: --soak_smoke' 0 build/cache_test --soak_smoke
says 'it ran' '\[       OK \] Soak/Cache\.SurvivesChurn'

exit $((failures > 0))
