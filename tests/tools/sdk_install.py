# SPDX-License-Identifier: Apache-2.0
"""Installs the providers' official SDKs from npm, as the lock file has them: sdk_install.py FOLDER. What is there already,
by the same lock file, is left as it is, and needs no network."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).parent / "sdk"
MANIFESTS = ("package.json", "package-lock.json")
# What npm says where there is no registry to be had; anything else that goes wrong is a failure.
NO_NETWORK = r"npm (error|ERR!) code (E?AI_AGAIN|ENOTFOUND|ECONN\w+|E\w*TIMEDOUT|E\w*_TIMEOUT|ENETUNREACH|EHOSTUNREACH)"


def skip(why):
    print(why)
    sys.exit(1 if os.environ.get("SOAK_TOOLS_REQUIRED") == "1" else 77)


def main():
    if missing := [tool for tool in ("node", "npm") if shutil.which(tool) is None]:
        skip(f"needs {' and '.join(missing)}; 'make test-tools' installs it")
    folder = pathlib.Path(sys.argv[1])
    locked = (HERE / "package-lock.json").read_text()
    installed = folder / "installed.json"  # The lock file of what is there; written last.
    if not installed.exists() or installed.read_text() != locked:
        folder.mkdir(parents=True, exist_ok=True)
        installed.unlink(missing_ok=True)
        for name in MANIFESTS:
            shutil.copy(HERE / name, folder)
        npm = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"], cwd=folder,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
        print(npm.stdout, end="")
        if npm.returncode != 0:
            if re.search(NO_NETWORK, npm.stdout):
                skip("needs npm's registry, for the SDKs that the fakes are tested with")
            sys.exit(1)
        installed.write_text(locked)
    for script in HERE.glob("**/*.mjs"):  # Node looks for packages in the folders above the script.
        copy = folder / script.relative_to(HERE)
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(script, copy)


main()
