# SPDX-License-Identifier: Apache-2.0
"""Clean: an LRU cache of 4,000 answers of 0.5 to 4 KB."""

import collections
import random
import time

cache = collections.OrderedDict()
while True:
    for _ in range(40):
        key = int(random.paretovariate(0.5)) % 200_000
        cache.pop(key, None)
        cache[key] = bytes(random.randrange(500, 4000))
        if len(cache) > 4000:
            cache.popitem(last=False)
    time.sleep(0.1)
