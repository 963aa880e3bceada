#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run_python_test.sh MODULE SCRIPT ARGUMENTS...: runs the script where $PYTHON has the module; otherwise exits 77, which CTest
# shows as Skipped, or fails if the tools are required.
module=$1
shift
if ! "$PYTHON" -c "import $module" 2>/dev/null; then
  echo "needs $PYTHON with the module $module; 'make test-tools' installs it"
  [ "${SOAK_TOOLS_REQUIRED:-0}" = 1 ] && exit 1
  exit 77
fi
exec "$PYTHON" "$@"
