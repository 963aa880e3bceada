// SPDX-License-Identifier: Apache-2.0

// Node on the same work: promises, setImmediate to yield, AbortSignal to cancel.
// Usage: node --expose-gc node_bench.mjs TASK ITEMS REPETITIONS; prints ns or bytes for each item, a line a repetition.

import { readFileSync } from 'node:fs';
import { setMaxListeners } from 'node:events';
import { setImmediate as yieldNow, setTimeout as sleep } from 'node:timers/promises';

const HOUR = 3_600_000;
const TASKS_OF_A_SESSION = 11;

// Processor time of this process, the collector's included.
const cpuNs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
};

const residentBytes = () => {
  global.gc();
  return Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[1]) * 4096;
};

const yieldOnce = async (index) => {
  await yieldNow();
  return index;
};

async function gather(tasks) {
  const start = cpuNs();
  const results = await Promise.all(Array.from({ length: tasks }, (_, i) => yieldOnce(i)));
  const ns = cpuNs() - start;
  if (results[tasks - 1] !== tasks - 1) throw new Error('a result is missing');
  return ns / tasks;
}

// Ten at a time: ten workers that take one piece of work after another.
async function gather10(tasks) {
  const start = cpuNs();
  const results = new Array(tasks);
  let next = 0;
  const work = async () => {
    while (next < tasks) {
      const index = next++;
      results[index] = await yieldOnce(index);
    }
  };
  await Promise.all(Array.from({ length: 10 }, work));
  return (cpuNs() - start) / tasks;
}

// A flag that many wait for.
class Event {
  constructor() {
    this.happened = new Promise((resolve) => (this.set = resolve));
  }
}

const waitFor = async (event) => {
  await event.happened;
};

async function liveEvent(tasks) {
  const event = new Event();
  const before = residentBytes();
  const running = Array.from({ length: tasks }, () => waitFor(event));
  await yieldNow();
  const bytes = residentBytes() - before;
  event.set();
  await Promise.all(running);
  return bytes / tasks;
}

// A sleep that `signal` ends.
const sleepAnHour = async (signal) => {
  try {
    await sleep(HOUR, undefined, { signal });
  } catch (error) {
    if (error.name !== 'AbortError') throw error;
  }
};

function startSleepers(count, signal) {
  setMaxListeners(0, signal);
  return Array.from({ length: count }, () => sleepAnHour(signal));
}

async function liveTimer(tasks) {
  const timers = [];
  const sleepOn = async () => {
    await new Promise((resolve) => timers.push(setTimeout(resolve, HOUR)));
  };
  const before = residentBytes();
  const running = Array.from({ length: tasks }, sleepOn);
  await yieldNow();
  const bytes = residentBytes() - before;
  timers.forEach(clearTimeout);
  return bytes / running.length;
}

async function drain(tasks) {
  const cancelling = new AbortController();
  const sleepers = startSleepers(tasks, cancelling.signal);
  await yieldNow();
  const start = cpuNs();
  cancelling.abort();
  await Promise.all(sleepers);
  return (cpuNs() - start) / tasks;
}

// True when the event came before the timeout.
const waitAnHour = (event) =>
  new Promise((resolve) => {
    const timeout = setTimeout(resolve, HOUR, false);
    event.happened.then(() => {
      clearTimeout(timeout);
      resolve(true);
    });
  });

async function wake(tasks) {
  const event = new Event();
  const waiting = Array.from({ length: tasks }, async () => {
    if (!(await waitAnHour(event))) throw new Error('timed out');
  });
  await yieldNow();
  const start = cpuNs();
  event.set();
  await Promise.all(waiting);
  return (cpuNs() - start) / tasks;
}

// Eleven tasks: when the one that receives ends, the rest are cancelled and joined.
async function session(peerGone) {
  const cancelling = new AbortController();
  const others = startSleepers(TASKS_OF_A_SESSION - 1, cancelling.signal);
  await waitFor(peerGone);
  cancelling.abort();
  await Promise.all(others);
}

// Bytes of a session, and ns for each of its tasks to be torn down.
async function sessions(count) {
  const peerGone = new Event();
  const before = residentBytes();
  const running = Array.from({ length: count }, () => session(peerGone));
  await yieldNow();
  const bytes = residentBytes() - before;
  const start = cpuNs();
  peerGone.set();
  await Promise.all(running);
  return { bytes: bytes / count, ns: (cpuNs() - start) / (count * TASKS_OF_A_SESSION) };
}

const measure = {
  gather,
  gather10,
  live_event: liveEvent,
  live_timer: liveTimer,
  drain,
  wake,
  supervise: async (count) => (await sessions(count)).ns,
  session_bytes: async (count) => (await sessions(count)).bytes,
};

const [task, items, repetitions] = process.argv.slice(2);
for (let i = 0; i < Number(repetitions); ++i) console.log(await measure[task](Number(items)));
