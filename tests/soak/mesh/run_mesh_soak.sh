#!/bin/sh
# run_mesh_soak.sh EXPECTED DIR PROGRAM COMMAND [ARGUMENT...]: runs PROGRAM COMMAND DIR ARGUMENT... in a new DIR.
# EXPECTED is PASS: the run has to pass. Otherwise it has to fail with status 1, and a line of what it prints has to match
# the extended regular expression EXPECTED.
expected=$1
dir=$2
program=$3
command=$4
shift 4
rm -rf "$dir"
mkdir -p "$(dirname "$dir")"
"$program" "$command" "$dir" "$@" > "$dir.txt" 2>&1
status=$?
cat "$dir.txt"
if [ "$expected" = PASS ]; then
  exit $status
fi
if [ $status -ne 1 ]; then
  echo "expected exit status 1, got $status"
  exit 1
fi
grep -E -q "$expected" "$dir.txt" || { echo "expected a finding that matches: $expected"; exit 1; }
