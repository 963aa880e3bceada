# SPDX-License-Identifier: Apache-2.0
"""Python's asyncio on the same work.

Usage: asyncio_bench.py TASK ITEMS REPETITIONS; prints ns or bytes for each item, a line a repetition.
"""

import asyncio
import gc
import os
import sys
import time

HOUR = 3600
TASKS_OF_A_SESSION = 11


def resident_bytes():
    gc.collect()
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def yield_once(index):
    await asyncio.sleep(0)
    return index


async def gather(tasks):
    start = time.process_time_ns()
    results = await asyncio.gather(*(yield_once(i) for i in range(tasks)))
    ns = time.process_time_ns() - start
    assert results[-1] == tasks - 1
    return ns / tasks


async def gather10(tasks):
    """Ten at a time, each a task of its own."""
    slots = asyncio.Semaphore(10)

    async def limited(index):
        async with slots:
            return await yield_once(index)

    start = time.process_time_ns()
    results = await asyncio.gather(*(limited(i) for i in range(tasks)))
    ns = time.process_time_ns() - start
    assert results[-1] == tasks - 1
    return ns / tasks


async def cancel_and_join(tasks):
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def live(tasks, wait):
    before = resident_bytes()
    running = [asyncio.create_task(wait(), name="a.name.of.24.characters.") for _ in range(tasks)]
    await asyncio.sleep(0)
    used = resident_bytes() - before
    await cancel_and_join(running)
    return used / tasks


async def live_event(tasks):
    return await live(tasks, asyncio.Event().wait)


async def live_timer(tasks):
    return await live(tasks, lambda: asyncio.sleep(HOUR))


async def drain(tasks):
    sleepers = [asyncio.create_task(asyncio.sleep(HOUR)) for _ in range(tasks)]
    await asyncio.sleep(0)
    start = time.process_time_ns()
    await cancel_and_join(sleepers)
    return (time.process_time_ns() - start) / tasks


async def wake(tasks):
    event = asyncio.Event()

    async def wait_an_hour():
        async with asyncio.timeout(HOUR):
            await event.wait()

    waiting = [asyncio.create_task(wait_an_hour()) for _ in range(tasks)]
    await asyncio.sleep(0)
    start = time.process_time_ns()
    event.set()
    await asyncio.gather(*waiting)
    return (time.process_time_ns() - start) / tasks


async def session(peer_gone):
    """Runs eleven tasks until the first ends, which is the one that receives; cancels and joins the rest."""
    tasks = [asyncio.create_task(peer_gone.wait())]
    tasks += [asyncio.create_task(asyncio.sleep(HOUR)) for _ in range(TASKS_OF_A_SESSION - 1)]
    _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    await cancel_and_join(pending)


async def sessions(count):
    """Bytes of a session, and ns for each of its tasks to be torn down."""
    peer_gone = asyncio.Event()
    before = resident_bytes()
    running = [asyncio.create_task(session(peer_gone)) for _ in range(count)]
    await asyncio.sleep(0)  # The sessions,
    await asyncio.sleep(0)  # and the tasks that they started.
    used = resident_bytes() - before
    start = time.process_time_ns()
    peer_gone.set()
    await asyncio.gather(*running)
    ns = time.process_time_ns() - start
    return used / count, ns / (count * TASKS_OF_A_SESSION)


async def supervise(count):
    return (await sessions(count))[1]


async def session_bytes(count):
    return (await sessions(count))[0]


if __name__ == "__main__":
    measure = globals()[sys.argv[1]]
    for _ in range(int(sys.argv[3])):
        print(asyncio.run(measure(int(sys.argv[2]))))
