# SPDX-License-Identifier: Apache-2.0
"""A fake, used by an SDK for its provider as the SDK comes: sdk_test.py SOAK PROVIDER/SDK SCHEME FOLDER runs
sdk/PROVIDER/SDK.mjs, .py or .go against `SOAK fake PROVIDER` on ws: or wss:, a channel's on http: or https:. The packages
from npm are in FOLDER, where sdk_install.py has put them; those for Python and Go come from the distribution.

SDK.json has the schemes, the fake's options, and the totals that its ledger must have in the end. With "listens" the script
gets a socket for what the fake sends, whose port is "{port}" in the options. The script finds in SOAK_FAKE, as JSON:

    url, webhook, control   what the fake has printed
    untrusted               whether the certificate is by a CA that the script must not trust
    listener                the descriptor of that socket"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys

HERE = pathlib.Path(__file__).parent / "sdk"
CHANNELS = ("discord", "slack", "telegram")
PYTHON_PACKAGES = {"discord": "python3-discord", "telegram": "python3-python-telegram-bot"}
GO_PACKAGES = pathlib.Path("/usr/share/gocode")
SLACK_GO = GO_PACKAGES / "src/github.com/slack-go/slack"


def skip(why):
    print(f"needs {why}; 'make test-tools' installs it")
    sys.exit(1 if os.environ.get("SOAK_TOOLS_REQUIRED") == "1" else 77)


def command_of(stack, folder):
    """What runs the script of this SDK."""
    provider = stack.split("/")[0]
    script = HERE / f"{stack}.py"
    if script.exists():
        if subprocess.run([sys.executable, "-W", "ignore", "-c", f"import {provider}"], capture_output=True).returncode != 0:
            skip(PYTHON_PACKAGES[provider])
        return [sys.executable, "-B", "-W", "ignore", str(script)]
    script = HERE / f"{stack}.go"
    if script.exists():
        if shutil.which("go") is None:
            skip("golang-go")
        if not SLACK_GO.exists():
            skip("golang-github-slack-go-slack-dev")
        program = folder / stack
        program.parent.mkdir(parents=True, exist_ok=True)
        environment = dict(os.environ, GO111MODULE="off", GOPATH=str(GO_PACKAGES), GOFLAGS="")
        subprocess.run(["go", "build", "-o", str(program), str(script)], env=environment, check=True, timeout=300)
        return [str(program)]
    if not (folder / "installed.json").exists():
        skip("the providers' SDKs of npm")
    return ["node", str(folder / f"{stack}.mjs")]


def run_script(command, about, listener, ca=None):
    environment = {name: value for name, value in os.environ.items() if name not in ("NODE_EXTRA_CA_CERTS", "OPENAI_BASE_URL")}
    environment["SOAK_FAKE"] = json.dumps(about | ({"listener": listener.fileno()} if listener else {}))
    if ca is not None:
        environment["NODE_EXTRA_CA_CERTS"] = ca
    subprocess.run(command, env=environment, check=True, timeout=150, pass_fds=[listener.fileno()] if listener else [])


def read_urls(fake, provider, scheme):
    """What the fake prints first: where it is, and whom to trust."""
    names = {"listening on": "url", "webhook at": "webhook", "trust the CA in": "ca", "post a user's message to": "control"}
    wanted = {"url"}
    if provider in CHANNELS:
        wanted.add("control")
    if scheme in ("wss", "https"):
        wanted.add("ca")
    found = {}
    while not wanted <= found.keys():
        line = fake.stdout.readline()
        assert line.startswith(f"{provider}: "), line
        for text, name in names.items():
            if line.startswith(f"{provider}: {text} "):
                found[name] = line.split()[-1]
    assert found["url"].startswith(f"{scheme}://127.0.0.1:"), found["url"]
    return found


def main():
    soak, stack, scheme, folder = sys.argv[1:]
    folder = pathlib.Path(folder)
    provider = stack.split("/")[0]
    about = json.loads((HERE / f"{stack}.json").read_text())
    command = command_of(stack, folder)
    listener = socket.create_server(("127.0.0.1", 0)) if about.get("listens") else None
    options = [option.replace("{port}", str(listener.getsockname()[1]) if listener else "") for option in about["options"]]
    tls = scheme in ("wss", "https")
    fake = subprocess.Popen([soak, "fake", provider, *options, *(["--tls"] if tls else [])], stdout=subprocess.PIPE, text=True)
    try:
        urls = read_urls(fake, provider, scheme)
        ca = urls.pop("ca", None)
        if tls:
            run_script(command, urls | {"untrusted": True}, listener)
        run_script(command, urls | {"untrusted": False}, listener, ca)
        fake.send_signal(signal.SIGTERM)
        ending, _ = fake.communicate(timeout=20)
        print(ending, end="")
        assert fake.returncode == 0, fake.returncode
        for total in about["totals"]:
            assert total in ending.split(), (total, ending)
    finally:
        fake.kill()


main()
