#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# check_docs.sh PAGE SOURCE...: fails if a C++ or CMake block of the page is not in one of the sources, letter for letter.
# Prints page and line.
set -euo pipefail
page=$1
shift
sources=$(cat "$@")

breaches=0
blocks=0
number=0
inside=
while IFS= read -r line; do
  number=$((number + 1))
  if [[ $inside && $line == '```' ]]; then
    inside=
    blocks=$((blocks + 1))
    if [[ $sources != *"$block"* ]]; then
      echo "$page:$began: this block is in none of $*"
      breaches=$((breaches + 1))
    fi
  elif [[ $inside ]]; then
    block+=$line$'\n'
  elif [[ $line == '```cpp' || $line == '```cmake' ]]; then
    inside=yes
    began=$number
    block=$'\n'
  fi
done <"$page"

if ((blocks == 0)); then
  echo "$page:1: it has no C++ or CMake block"
  exit 1
fi
exit $((breaches > 0))
