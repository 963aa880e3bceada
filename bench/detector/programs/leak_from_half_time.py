# SPDX-License-Identifier: Apache-2.0
"""Leaks about 20 KB a second from the thirteenth minute on, beside an LRU cache."""

import collections
import random
import time

cache = collections.OrderedDict()
lost = []
began = time.monotonic()
while True:
    for _ in range(40):
        key = int(random.paretovariate(0.5)) % 200_000
        cache.pop(key, None)
        cache[key] = bytes(random.randrange(500, 4000))
        if len(cache) > 4000:
            cache.popitem(last=False)
    if time.monotonic() - began > 780:
        lost.append(bytes(2000))
    time.sleep(0.1)
