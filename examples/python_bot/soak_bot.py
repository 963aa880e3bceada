#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Soaks bot.py: soak_bot.py [--soak COMMAND] [--duration 20s]. Exits with the status of `soak watch`.

Starts a fake of Telegram, writes to the bot as its users do, and watches the bot's process meanwhile. Exits with 77 if this
soak has no `watch`.
"""

import argparse
import itertools
import json
import pathlib
import re
import subprocess
import sys
import threading
import urllib.request

TEXT = "x" * 3000  # Long messages show a leak sooner.


def write_as_users(control_url, stop):
    """Posts fifty messages a second to the bot, of ten users."""
    for number in itertools.count():
        if stop.wait(0.02):
            return
        message = {"conversation": str(number % 10 + 1), "from": str(number % 10 + 1), "text": f"{number} {TEXT}"}
        request = urllib.request.Request(control_url, json.dumps(message).encode(), {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=30).close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--soak", default="soak")
    parser.add_argument("--duration", default="20s")
    options = parser.parse_args()
    if subprocess.run([options.soak, "watch", "--help"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
        print(f"{options.soak} has no command `watch`")
        return 77

    bot = pathlib.Path(__file__).with_name("bot.py")
    fake = subprocess.Popen([options.soak, "fake", "telegram", "--no-limits"], stdout=subprocess.PIPE, text=True)
    stop = threading.Event()
    users = None
    try:
        lines = [fake.stdout.readline() for _ in range(2)]
        url = re.search(r"listening on (\S+)", lines[0]).group(1)
        control = re.search(r"post a user's message to (\S+)", lines[1]).group(1)
        users = threading.Thread(target=write_as_users, args=(control, stop))
        users.start()
        watch = [options.soak, "watch", "--duration", options.duration, "--rss-growth-max", "2MiB"]
        return subprocess.run([*watch, "--", sys.executable, str(bot), url, "1:token"]).returncode
    finally:
        stop.set()
        if users is not None:
            users.join()
        fake.terminate()
        ledger = fake.communicate()[0]
        print(ledger, end="")


if __name__ == "__main__":
    sys.exit(main())
