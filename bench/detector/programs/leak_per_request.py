# SPDX-License-Identifier: Apache-2.0
"""Leaks about 10 KB a second: the history of requests is never cut."""

import random
import time

history = []
while True:
    request = {"path": "/items/%d" % random.randrange(1000), "body": bytes(random.randrange(100, 1000))}
    answers = [dict(request) for _ in range(10)]
    history.append((time.time(), request, len(answers)))
    time.sleep(0.1)
