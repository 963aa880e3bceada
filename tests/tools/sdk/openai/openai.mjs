// SPDX-License-Identifier: Apache-2.0
// The official SDK of OpenAI. The fake lets the key sk-right in.
//
// Its Realtime clients speak wss: whatever the URL says. There are two: one for servers, which sends the key as a header,
// and one for browsers, which sends it as a subprotocol.

import assert from 'node:assert/strict';

import OpenAI from 'openai';
import { OpenAIRealtimeWebSocket } from 'openai/realtime/websocket';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import { WebSocket } from 'ws';

import { bytes_of, fake, Inbox, within } from '../expect.mjs';

globalThis.WebSocket = WebSocket;  // The browsers' one; Node has none before 22.

const { url, untrusted } = fake;
const BASE_URL = url.replace('wss://', 'https://').replace(/\/realtime$/, '');
const MODEL = 'gpt-realtime';
const FRAME = Buffer.alloc(1920).toString('base64');  // 40 ms.

class Connection {
  constructor(Client, key) {
    const client = new OpenAI({ apiKey: key, baseURL: BASE_URL });
    this.events = new Inbox();
    this.errors = new Inbox();
    this.realtime = new Client({ model: MODEL }, client);
    this.realtime.on('event', (event) => this.events.put(event));
    this.realtime.on('error', (error) => this.errors.put(error));
    this.closed = new Promise((resolve) =>
      this.realtime.socket.addEventListener('close', ({ code, reason }) => resolve({ code, reason: reason.toString() })));
  }

  send(event) {
    this.realtime.send(event);
  }

  event(type) {
    return this.events.next(type, (event) => event.type === type,
      (event) => (event.type === 'error' ? JSON.stringify(event) : undefined));
  }

  error() {
    return this.errors.next('an error', () => true);
  }

  async close() {
    this.realtime.close();
    assert.deepEqual(await within(this.closed, 'the close handshake'), { code: 1000, reason: 'OK' });
  }
}

// What the answer is made of, counted.
async function answer(connection) {
  const created = await connection.event('response.created');
  assert.equal(created.response.status, 'in_progress');
  let bytes = 0;
  while (true) {
    const event = await connection.events.next('response.done', ({ type }) =>
      ['error', 'response.output_audio.delta', 'response.done'].includes(type));
    if (event.type === 'response.output_audio.delta') {
      assert.equal(event.response_id, created.response.id);
      bytes += bytes_of(event.delta);
      continue;
    }
    assert.equal(event.type, 'response.done', JSON.stringify(event));
    assert.equal(event.response.id, created.response.id);
    assert.equal(event.response.status, 'completed');
    assert.ok(event.response.usage.total_tokens > 0);
    assert.ok(bytes >= 48_000, `${bytes} bytes of audio`);  // A second, at the least.
    return;
  }
}

// A function that the session declares, what it is called with, and the answer to what it results in.
async function a_function(connection) {
  const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
  const weather = { type: 'function', name: 'get_weather', description: 'Of a city.', parameters };
  connection.send({ type: 'session.update', session: { type: 'realtime', tools: [weather], tool_choice: 'auto' } });
  assert.deepEqual((await connection.event('session.updated')).session.tools, [weather]);

  const question = { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'How is the weather in Oslo?' }] };
  connection.send({ type: 'conversation.item.create', item: question });
  connection.send({ type: 'response.create' });
  const call = await connection.event('response.function_call_arguments.done');
  assert.equal(call.name, 'get_weather');
  assert.equal(typeof JSON.parse(call.arguments), 'object');
  const result = { type: 'function_call_output', call_id: call.call_id, output: JSON.stringify({ sun: true }) };
  connection.send({ type: 'conversation.item.create', item: result });
  const { response } = await connection.event('response.done');
  assert.equal(response.status, 'completed');
  assert.equal(response.output[0].type, 'function_call');
  assert.equal(response.output[0].call_id, call.call_id);
  connection.send({ type: 'response.create' });
  await answer(connection);

  connection.send({ type: 'conversation.item.create', event_id: 'late', item: { ...result, call_id: 'call_never' } });
  const refused = await connection.error();
  assert.equal(refused.error.code, 'invalid_tool_call_id');
  assert.equal(refused.error.event_id, 'late');
}

async function a_session(Client) {
  const connection = new Connection(Client, 'sk-right');
  const { session } = await connection.event('session.created');
  assert.equal(session.model, MODEL);
  assert.equal(session.object, 'realtime.session');

  connection.send({
    type: 'session.update',
    session: { type: 'realtime', instructions: 'Be brief.', output_modalities: ['audio'],
               audio: { input: { turn_detection: null }, output: { voice: 'marin' } } },
  });
  const updated = (await connection.event('session.updated')).session;
  assert.equal(updated.instructions, 'Be brief.');
  assert.equal(updated.audio.input.turn_detection, null);
  assert.equal(updated.audio.output.voice, 'marin');

  for (let i = 0; i < 10; ++i) connection.send({ type: 'input_audio_buffer.append', audio: FRAME });
  connection.send({ type: 'input_audio_buffer.commit' });
  connection.send({ type: 'response.create' });
  const committed = await connection.event('input_audio_buffer.committed');
  assert.match(committed.item_id, /^item_/);
  await answer(connection);

  const hello = { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hello' }] };
  connection.send({ type: 'conversation.item.create', item: hello });
  connection.send({ type: 'response.create' });
  const added = await connection.event('conversation.item.added');
  assert.equal(added.item.content[0].text, 'Hello');
  await answer(connection);

  await a_function(connection);

  // An error event leaves the session open.
  connection.send({ type: 'conversation.item.delete', item_id: 'item_none', event_id: 'mine' });
  const failed = await connection.error();
  assert.equal(failed.error.type, 'invalid_request_error');
  assert.equal(failed.error.event_id, 'mine');
  connection.send({ type: 'input_audio_buffer.clear' });
  await connection.events.next('input_audio_buffer.cleared', ({ type }) => type === 'input_audio_buffer.cleared');
  await connection.close();
}

async function a_bad_key(Client) {
  const connection = new Connection(Client, 'sk-wrong-key-of-somebody');
  const failed = await connection.error();
  assert.equal(failed.error?.code, 'invalid_api_key', String(failed));
  assert.ok(!failed.message.includes('somebody'), 'the key is in the message');
  assert.deepEqual(await within(connection.closed, 'the close'), { code: 3000, reason: 'invalid_request_error.invalid_api_key' });
}

// A key for somebody else's browser, made at the same base URL.
async function a_client_secret(Client) {
  const service = new OpenAI({ apiKey: 'sk-right', baseURL: BASE_URL });
  const secret = await service.realtime.clientSecrets.create({
    session: { type: 'realtime', model: MODEL, instructions: 'Sing.' },
  });
  assert.match(secret.value, /^ek_/);
  const connection = new Connection(Client, secret.value);
  assert.equal((await connection.event('session.created')).session.instructions, 'Sing.');
  await connection.close();
}

async function a_certificate_that_is_not_trusted(Client) {
  const connection = new Connection(Client, 'sk-right');
  const failed = await connection.error();
  assert.match(failed.message, /certificate/);
}

for (const Client of [OpenAIRealtimeWS, OpenAIRealtimeWebSocket]) {
  if (untrusted) {
    await a_certificate_that_is_not_trusted(Client);
  } else {
    await a_session(Client);
    await a_bad_key(Client);
    await a_client_secret(Client);
  }
}
