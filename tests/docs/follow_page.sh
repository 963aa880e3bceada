#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# follow_page.sh PAGE FOLDER: does what the page says, in an empty folder. A block below a line "`name`:" is written to
# that file, a block `sh` is run, and each line of a block `text` has to be in the output of the last one, with any numbers ("..." stands for more lines). A block
# `console` is for the reader: it installs what the caller of this script has made available.
set -uo pipefail
page=$(realpath "$1")
folder=$2
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder" || exit 1

# Numbers and units differ from run to run.
pattern() { sed -E 's/[0-9]+([.:h][0-9]+)*/N/g; s/\b[KMGT]i?B\b|\bB\b/UNIT/g' <<<"$1"; }

failures=0
commands=0
number=0
inside=
before=
output=
while IFS= read -r line; do
  number=$((number + 1))
  if [[ ! $inside && $line == '```'* ]]; then
    inside=${line#'```'}
    began=$number
    block=
  elif [[ $inside && $line == '```' ]]; then
    if [[ $before =~ ^\`([A-Za-z0-9_.]+)\`:$ ]]; then
      printf '%s' "$block" >"${BASH_REMATCH[1]}"
    fi
    case $inside in
      sh)
        commands=$((commands + 1))
        output=$(bash -c "$block" 2>&1)
        printf '%s\n' "$output"
        ;;
      text)
        seen=$(pattern "$output")
        while IFS= read -r expected; do
          if [[ $expected && $expected != ... && $seen != *"$(pattern "$expected")"* ]]; then
            echo "FAIL: $page:$began: the output above has no line such as: $expected"
            failures=$((failures + 1))
          fi
        done <<<"$block"
        ;;
    esac
    inside=
    before=
  elif [[ $inside ]]; then
    block+=$line$'\n'
  elif [[ $line ]]; then
    before=$line
  fi
done <"$page"

if ((commands == 0)); then
  echo "FAIL: $page has no block of commands"
  exit 1
fi
exit $((failures > 0))
