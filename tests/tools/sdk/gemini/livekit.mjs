// SPDX-License-Identifier: Apache-2.0
// LiveKit's plugin for Gemini's voice models. The fake lets the key right in.

import assert from 'node:assert/strict';

import { realtime } from '@livekit/agents-plugin-google';

import { fake, within } from '../expect.mjs';
import { a_session, frame } from '../livekit.mjs';

const httpOptions = { baseUrl: new URL('/', fake.url.replace('ws', 'http')).toString() };
const model = new realtime.RealtimeModel({
  apiKey: 'right',
  model: 'gemini-2.5-flash-native-audio-preview-12-2025',
  httpOptions,
  connOptions: { maxRetry: 0, retryIntervalMs: 0, timeoutMs: 5000 },
});

const { session, errors, next } = await a_session(model);
const answer = await next('the answer');
assert.ok(answer.samples >= 24_000, `${answer.samples} samples`);

// Speech, and the silence that ends it: the service's own detector answers.
for (let i = 0; i < 25; ++i) session.pushAudio(frame(16_000, 8000));
for (let i = 0; i < 50; ++i) session.pushAudio(frame(16_000, 0));
const spoken = await next('the answer to what was said');
assert.ok(spoken.samples >= 24_000 || spoken.calls.length > 0, `${spoken.samples} samples`);
// It takes up new tools in a new session, closes the old one without a code, and takes the echo for an error.
assert.deepEqual(errors.filter(({ error }) => !/closed with code 1005/.test(String(error))), []);
await within(session.close(), 'the close');
