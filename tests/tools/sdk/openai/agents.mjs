// SPDX-License-Identifier: Apache-2.0
// OpenAI's agents SDK: an agent whose tool has a strict schema. The SDK checks the arguments by it before it calls the tool.
// The fake lets the key sk-right in.

import assert from 'node:assert/strict';

import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } from '@openai/agents-realtime';
import { z } from 'zod';

import { fake, Inbox, within } from '../expect.mjs';

const MODEL = 'gpt-realtime';
const URL_OF_MODEL = `${fake.url}?model=${MODEL}`;

const order = z.object({
  city: z.string().min(2).max(40),
  days: z.number().int().min(1).max(14),
  unit: z.enum(['celsius', 'fahrenheit']),
  places: z.array(z.object({ name: z.string(), kind: z.enum(['park', 'beach']) })).min(1).max(3),
  note: z.string().nullable(),
});

async function a_session(key) {
  const called = new Inbox();
  const weather = tool({
    name: 'get_weather',
    description: 'The weather of a city.',
    parameters: order,
    strict: true,
    execute: async (wanted) => {
      called.put(wanted);
      return 'sunny';
    },
  });
  const agent = new RealtimeAgent({ name: 'Weather', instructions: 'Be brief.', tools: [weather] });
  const transport = new OpenAIRealtimeWebSocket({ url: URL_OF_MODEL });
  const session = new RealtimeSession(agent, { transport, model: MODEL });
  const events = new Inbox();
  const errors = [];
  let bytes = 0;
  session.on('error', (error) => errors.push(error));
  session.on('audio', ({ data }) => (bytes += data.byteLength));
  session.on('transport_event', (event) => events.put(event));
  await within(session.connect({ apiKey: key, url: URL_OF_MODEL }), 'the session');

  session.sendMessage('How is the weather in Oslo?');
  const wanted = await called.next('a call of the tool', () => true);
  assert.deepEqual(order.parse(wanted), wanted);
  // The SDK sends the result, and asks for the answer itself.
  await events.next('the answer', ({ type, response }) =>
    type === 'response.done' && response.output.some((item) => item.type === 'message'));
  assert.ok(bytes >= 48_000, `${bytes} bytes of audio`);
  assert.deepEqual(session.history.map(({ type }) => type), ['message', 'function_call', 'message']);

  for (let i = 0; i < 25; ++i) session.sendAudio(new ArrayBuffer(1920));
  session.transport.sendEvent({ type: 'input_audio_buffer.commit' });
  await events.next('the commit', ({ type }) => type === 'input_audio_buffer.committed');
  session.interrupt();
  session.close();
  assert.deepEqual(errors, []);
}

async function a_bad_key() {
  const transport = new OpenAIRealtimeWebSocket({ url: URL_OF_MODEL });
  const session = new RealtimeSession(new RealtimeAgent({ name: 'a' }), { transport, model: MODEL });
  const errors = new Inbox();
  session.on('error', (error) => errors.put(error));
  session.connect({ apiKey: 'sk-wrong-key-of-somebody', url: URL_OF_MODEL }).catch((error) => errors.put(error));
  const error = await errors.next('an error', () => true);
  assert.match(JSON.stringify(error), /invalid_request_error/);
  session.close();
}

await a_session('sk-right');
await a_bad_key();
process.exit(0);  // A session that was refused keeps Node from ending.
