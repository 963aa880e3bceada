#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# python_bot.sh PREFIX SOURCE SCRATCH: examples/python_bot under the soak command at PREFIX. Exits 77 without Python.
set -uo pipefail
prefix=$1
source=$2
scratch=$3

# shellcheck source=expect.sh
. "$source/tests/package/expect.sh"
unset BOT_LEAK
if [[ ! -x /usr/bin/python3 ]]; then
  echo "needs python3; 'make test-tools' installs it"
  [[ ${SOAK_TOOLS_REQUIRED:-0} == 1 ]] && exit 1
  exit 77
fi
rm -rf "$scratch"
mkdir -p "$scratch"
cd "$scratch" || exit 1
soak_bot=(/usr/bin/python3 -B "$source/examples/python_bot/soak_bot.py" --soak "$prefix/bin/soak" --duration 20s)

expect 'the bot' 0 "${soak_bot[@]}"
says 'a verdict' '\] PASS: '
says 'it answered' '^telegram: .* stored=[1-9][0-9]{2}'
expect 'the leak' 1 env BOT_LEAK=1 "${soak_bot[@]}"
says 'the finding' 'memory grew '

must 'configure' 0 cmake -S "$source/examples/python_bot" -B "$scratch/build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_PROGRAM_PATH="$prefix/bin"
expect 'CTest knows it' 0 ctest --test-dir "$scratch/build" -N
says 'its name' 'bot\.KeepsNothingOfAMessage'

exit $((failures > 0))
