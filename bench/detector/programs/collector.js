// SPDX-License-Identifier: Apache-2.0
// Clean: garbage alone, which the collector takes away in teeth.

let latest = null;
setInterval(() => {
  for (let i = 0; i < 60; ++i) {
    latest = {request: i, headers: Array.from({length: 20}, (_, n) => `header-${n}-${Math.random()}`)};
  }
}, 100);
