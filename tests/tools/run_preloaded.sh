#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run_preloaded.sh LIBRARY PROGRAM ARGUMENTS...: runs the program with the library loaded before all others; one that is not
# installed is passed over by the loader, and the program says so by exit status 77.
library=$1
shift
LD_PRELOAD=$library "$@"
status=$?
if [ $status = 77 ]; then
  echo "needs $library; 'make test-tools' installs it"
  [ "${SOAK_TOOLS_REQUIRED:-0}" = 1 ] && exit 1
fi
exit $status
