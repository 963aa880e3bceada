// SPDX-License-Identifier: Apache-2.0
// Clean: a map of 10,000 sessions, of which the oldest makes room for a new one.

const sessions = new Map();
let next = 0;
setInterval(() => {
  for (let i = 0; i < 20; ++i) {
    sessions.set(next++, {id: next, state: 'x'.repeat(200 + Math.floor(Math.random() * 1500)), seen: [Date.now()]});
    if (sessions.size > 10000) {
      sessions.delete(sessions.keys().next().value);
    }
  }
}, 100);
