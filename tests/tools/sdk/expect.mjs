// SPDX-License-Identifier: Apache-2.0
// What the scripts for Node share: the fake that they are run against, and what they wait with.

import assert from 'node:assert/strict';

// As sdk_test.py describes it.
export const fake = JSON.parse(process.env.SOAK_FAKE);

const LIMIT_MS = 20_000;

// The promise, or an error that says what did not come.
export async function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${LIMIT_MS / 1000} s for ${what}`)), LIMIT_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

// Posts a user's message to the fake.
export async function post_as_user(message) {
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fetch(fake.control, { method: 'POST', headers, body: JSON.stringify(message) });
  assert.equal(answer.status, 200, await answer.clone().text());
  return (await answer.json()).id;
}

// What an SDK's callbacks are called with, kept in order until it is asked for.
export class Inbox {
  #items = [];
  #wake = () => {};

  put(item) {
    this.#items.push(item);
    this.#wake();
  }

  // The first that `wanted` says yes to. What came before it is passed over, unless `refuses` names what is wrong with it.
  async next(what, wanted, refuses = () => undefined) {
    while (true) {
      while (this.#items.length > 0) {
        const item = this.#items.shift();
        if (wanted(item)) return item;
        const wrong = refuses(item);
        assert.equal(wrong, undefined, `${wrong}, instead of ${what}`);
      }
      await within(new Promise((resolve) => (this.#wake = resolve)), what);
    }
  }
}

// Whole bytes of base64, as an SDK hands them on.
export function bytes_of(base64) {
  const bytes = Buffer.from(base64, 'base64');
  assert.ok(bytes.length > 0 && bytes.toString('base64') === base64, `no base64: ${base64.slice(0, 40)}`);
  return bytes.length;
}
