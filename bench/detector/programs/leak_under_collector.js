// SPDX-License-Identifier: Apache-2.0
// Leaks about 20 KB a second under a collector's teeth: a listener is added for every request and never removed.

const listeners = [];
let latest = null;
setInterval(() => {
  for (let i = 0; i < 60; ++i) {
    latest = {request: i, headers: Array.from({length: 20}, (_, n) => `header-${n}-${Math.random()}`)};
  }
  const body = Array.from({length: 200}, () => Math.random());
  listeners.push(() => body.length + latest.request);
}, 100);
