# SPDX-License-Identifier: Apache-2.0
"""load.py PORT RATE: so many requests a second, on one connection, until it is ended."""

import http.client
import sys
import time

port, rate = int(sys.argv[1]), float(sys.argv[2])
connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
due = time.monotonic()
while True:
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):  # The server restarts.
        connection.close()
        time.sleep(0.1)
    due = max(due + 1 / rate, time.monotonic() - 1)
    time.sleep(max(due - time.monotonic(), 0))
