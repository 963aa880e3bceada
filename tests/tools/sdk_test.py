# SPDX-License-Identifier: Apache-2.0
"""A fake, used by an SDK for its provider as the SDK comes: sdk_test.py SOAK PROVIDER SCHEME FOLDER runs
FOLDER/PROVIDER.mjs against `SOAK fake PROVIDER` on ws: or wss:, a channel's on http: or https:. sdk_install.py has put it
there."""

import os
import pathlib
import signal
import subprocess
import sys

KEY = {
    "openai": ("--api-key", "sk-right"),
    "gemini": ("--api-key", "right"),
    "telegram": ("--token", "7:right"),
    "slack": ("--token", "xoxb-right"),
    "discord": ("--token", "right"),
}
WITH_WEBHOOK = ("slack", "discord")

# What the fake must have seen in the end.
TOTALS = {
    "openai": ("sessions=2 ", "lost=0 ", "open=0 ", "auth_failures=2 ", "audio_frames=20 ", "audio_bytes=38400 ", "responses=8 ",
               "tool_calls=2 ", "tool_results=2 ", "errors=6"),
    "gemini": ("sessions=3 ", "resumed=1 ", "lost=0 ", "open=0 ", "auth_failures=1 ", "audio_frames=95 ", "audio_bytes=121600 ",
               "turns=6 ", "interrupted=1 ", "tool_calls=2 ", "tool_results=2 ", "messages_refused=1 "),
    "telegram": ("refused=3 ", "rate_limited=1 ", "polls=1 ", "auth_failures=1 ", "stored_twice=0 ", "inside_window=0 "),
    "slack": ("refused=2 ", "auth_failures=2 ", "stored_twice=0 ", "out_of_order=0 ", "largest_wave=1"),
    # The SDK goes by the headers of the bucket, so that it is never refused.
    "discord": ("stored=14 ", "deduplicated=1 ", "refused=2 ", "rate_limited=0 ", "auth_failures=3 ", "stored_twice=0 "),
}


def run_sdk(folder, provider, *arguments, ca=None):
    environment = {name: value for name, value in os.environ.items() if name not in ("NODE_EXTRA_CA_CERTS", "OPENAI_BASE_URL")}
    if ca is not None:
        environment["NODE_EXTRA_CA_CERTS"] = ca
    subprocess.run(["node", folder / f"{provider}.mjs", *arguments], env=environment, check=True, timeout=90)


def main():
    soak, provider, scheme, folder = sys.argv[1:]
    folder = pathlib.Path(folder)
    if not (folder / "installed.json").exists():
        print("needs the providers' SDKs of npm; 'make test-tools' installs them")
        sys.exit(1 if os.environ.get("SOAK_TOOLS_REQUIRED") == "1" else 77)
    tls = scheme in ("wss", "https")
    fake = subprocess.Popen([soak, "fake", provider, *KEY[provider], *(["--tls"] if tls else [])], stdout=subprocess.PIPE,
                            text=True)
    try:
        first_line = fake.stdout.readline()
        assert first_line.startswith(f"{provider}: listening on {scheme}://127.0.0.1:"), first_line
        urls = [first_line.split()[-1]]
        if provider in WITH_WEBHOOK:
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
        for total in TOTALS[provider]:
            assert total in ending, (total, ending)
        print(ending, end="")
    finally:
        fake.kill()


main()
