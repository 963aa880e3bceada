# SPDX-License-Identifier: Apache-2.0
"""Clean: interns every name that it sees; there are 60,000 of them, and each is as likely as the others."""

import random
import sys
import time

names = {}
while True:
    for _ in range(40):
        name = sys.intern(f"subscriber-{random.randrange(60_000):08}/inbox/unread")
        names[name] = names.get(name, 0) + 1
    time.sleep(0.1)
