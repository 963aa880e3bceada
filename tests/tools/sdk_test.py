# SPDX-License-Identifier: Apache-2.0
"""A fake, used by the official SDK of its provider as the SDK comes: sdk_test.py SOAK PROVIDER SCHEME FOLDER runs
FOLDER/PROVIDER.mjs against `SOAK fake PROVIDER` on ws: or wss:. sdk_install.py has put it there."""

import os
import pathlib
import signal
import subprocess
import sys

KEY = {"openai": "sk-right", "gemini": "right"}

# What the fake must have seen in the end.
TOTALS = {
    "openai": ("sessions=2 ", "lost=0 ", "open=0 ", "auth_failures=2 ", "audio_frames=20 ", "audio_bytes=38400 ", "responses=4 "),
    "gemini": ("sessions=3 ", "resumed=1 ", "lost=0 ", "open=0 ", "auth_failures=1 ", "audio_frames=20 ", "audio_bytes=25600 ",
               "turns=3 ", "messages_refused=1 "),
}


def run_sdk(folder, provider, url, *options, ca=None):
    environment = {name: value for name, value in os.environ.items() if name not in ("NODE_EXTRA_CA_CERTS", "OPENAI_BASE_URL")}
    if ca is not None:
        environment["NODE_EXTRA_CA_CERTS"] = ca
    subprocess.run(["node", folder / f"{provider}.mjs", url, *options], env=environment, check=True, timeout=90)


def main():
    soak, provider, scheme, folder = sys.argv[1:]
    folder = pathlib.Path(folder)
    if not (folder / "installed.json").exists():
        print("needs the providers' SDKs of npm; 'make test-tools' installs them")
        sys.exit(1 if os.environ.get("SOAK_TOOLS_REQUIRED") == "1" else 77)
    fake = subprocess.Popen([soak, "fake", provider, "--api-key", KEY[provider], *(["--tls"] if scheme == "wss" else [])],
                            stdout=subprocess.PIPE, text=True)
    try:
        first_line = fake.stdout.readline()
        assert first_line.startswith(f"{provider}: listening on {scheme}://127.0.0.1:"), first_line
        url = first_line.split()[-1]
        if scheme == "wss":
            ca = fake.stdout.readline().split()[-1]
            run_sdk(folder, provider, url, "--untrusted")
            run_sdk(folder, provider, url, ca=ca)
        else:
            run_sdk(folder, provider, url)
        fake.send_signal(signal.SIGTERM)
        last_line, _ = fake.communicate(timeout=20)
        assert fake.returncode == 0, fake.returncode
        for total in TOTALS[provider]:
            assert total in last_line, (total, last_line)
        print(last_line, end="")
    finally:
        fake.kill()


main()
