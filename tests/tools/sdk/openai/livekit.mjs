// SPDX-License-Identifier: Apache-2.0
// LiveKit's plugin for OpenAI's voice models. The fake lets the key sk-right in.

import assert from 'node:assert/strict';

import { realtime } from '@livekit/agents-plugin-openai';

import { fake, within } from '../expect.mjs';
import { a_session, frame } from '../livekit.mjs';

const baseURL = fake.url.replace('ws', 'http').replace(/\/realtime$/, '');
const model = (apiKey) =>
  new realtime.RealtimeModel({ apiKey, baseURL, model: 'gpt-realtime', connOptions: { maxRetry: 0, retryIntervalMs: 0, timeoutMs: 5000 } });

const { session, errors, next } = await a_session(model('sk-right'));
session.generateReply().catch((error) => errors.push(error));
const answer = await next('the answer');
assert.ok(answer.samples >= 24_000, `${answer.samples} samples`);
assert.ok(answer.text.length > 0);

// Speech, and the silence that ends it: the service's own detector answers.
for (let i = 0; i < 25; ++i) session.pushAudio(frame(24_000, 8000));
for (let i = 0; i < 50; ++i) session.pushAudio(frame(24_000, 0));
const spoken = await next('the answer to what was said');
assert.ok(spoken.samples >= 24_000 || spoken.calls.length > 0, `${spoken.samples} samples`);
await within(session.close(), 'the close');
assert.deepEqual(errors.map(({ error }) => String(error)), []);
process.exit(0);  // The plugin keeps Node from ending.
