# SPDX-License-Identifier: Apache-2.0
"""A fake, used by an SDK for its provider as the SDK comes: sdk_test.py SOAK PROVIDER SCHEME FOLDER runs
FOLDER/PROVIDER.mjs against `SOAK fake PROVIDER` on ws: or wss:, a channel's on http: or https:. sdk_install.py has put it
there. PROVIDER.json has the key that the fake lets in, and the totals that its ledger must have in the end."""

import json
import os
import pathlib
import signal
import subprocess
import sys

def run_sdk(folder, provider, *arguments, ca=None):
    environment = {name: value for name, value in os.environ.items() if name not in ("NODE_EXTRA_CA_CERTS", "OPENAI_BASE_URL")}
    if ca is not None:
        environment["NODE_EXTRA_CA_CERTS"] = ca
    subprocess.run(["node", folder / f"{provider}.mjs", *arguments], env=environment, check=True, timeout=90)


def main():
    soak, provider, scheme, folder = sys.argv[1:]
    folder = pathlib.Path(folder)
    about = json.loads((pathlib.Path(__file__).parent / "sdk" / f"{provider}.json").read_text())
    if not (folder / "installed.json").exists():
        print("needs the providers' SDKs of npm; 'make test-tools' installs them")
        sys.exit(1 if os.environ.get("SOAK_TOOLS_REQUIRED") == "1" else 77)
    tls = scheme in ("wss", "https")
    fake = subprocess.Popen([soak, "fake", provider, *about["key"], *(["--tls"] if tls else [])], stdout=subprocess.PIPE,
                            text=True)
    try:
        first_line = fake.stdout.readline()
        assert first_line.startswith(f"{provider}: listening on {scheme}://127.0.0.1:"), first_line
        urls = [first_line.split()[-1]]
        if about["has_webhook"]:
            urls.append(fake.stdout.readline().split()[-1])
        if tls:
            ca = fake.stdout.readline().split()[-1]
            run_sdk(folder, provider, *urls, "--untrusted")
            run_sdk(folder, provider, *urls, ca=ca)
        else:
            run_sdk(folder, provider, *urls)
        fake.send_signal(signal.SIGTERM)
        ending, _ = fake.communicate(timeout=20)
        assert fake.returncode == 0, fake.returncode
        for total in about["totals"]:
            assert total in ending.split(), (total, ending)
        print(ending, end="")
    finally:
        fake.kill()


main()
