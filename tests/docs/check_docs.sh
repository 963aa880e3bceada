#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# check_docs.sh PAGE SOURCE...: exit status 1, naming page and line, where a C++ block of the page stands in none of the
# sources as it is written there.
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
      echo "$page:$began: this block is in none of $*, and so was never compiled"
      breaches=$((breaches + 1))
    fi
  elif [[ $inside ]]; then
    block+=$line$'\n'
  elif [[ $line == '```cpp' ]]; then
    inside=yes
    began=$number
    block=$'\n'
  fi
done <"$page"

if ((blocks == 0)); then
  echo "$page:1: no C++ block in it"
  exit 1
fi
exit $((breaches > 0))
