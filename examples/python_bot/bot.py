#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Telegram bot that repeats what it is told: bot.py API_URL TOKEN.

It needs the standard library only. With BOT_LEAK=1 it keeps every message.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request


class Bot:
    def __init__(self, api, token):
        self.base = f"{api}/bot{token}"
        self.offset = 0
        self.messages = [] if os.environ.get("BOT_LEAK") else None

    def call(self, method, **arguments):
        """The result of a method of the Bot API. Waits out a 429."""
        body = json.dumps(arguments).encode()
        request = urllib.request.Request(f"{self.base}/{method}", body, {"Content-Type": "application/json"})
        while True:
            try:
                with urllib.request.urlopen(request, timeout=30) as response:
                    return json.load(response)["result"]
            except urllib.error.HTTPError as error:
                with error:
                    answer = json.load(error)
                if error.code != 429:
                    raise
                time.sleep(answer["parameters"]["retry_after"])

    def run(self):
        while True:
            for update in self.call("getUpdates", offset=self.offset, timeout=10):
                self.offset = update["update_id"] + 1
                message = update.get("message")
                if message is None or "text" not in message:
                    continue
                if self.messages is not None:
                    self.messages.append(message)
                self.call("sendMessage", chat_id=message["chat"]["id"], text=message["text"])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: bot.py API_URL TOKEN")
    try:
        Bot(sys.argv[1], sys.argv[2]).run()
    except KeyboardInterrupt:
        pass
