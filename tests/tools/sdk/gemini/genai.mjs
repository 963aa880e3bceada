// SPDX-License-Identifier: Apache-2.0
// The official SDK of Gemini. The fake lets the key right in.

import assert from 'node:assert/strict';

import { GoogleGenAI, Modality } from '@google/genai';

import { bytes_of, fake, Inbox, within } from '../expect.mjs';

const { url, untrusted } = fake;
const frame_of = (fill) => ({ data: Buffer.alloc(1280, fill).toString('base64'), mimeType: 'audio/pcm;rate=16000' });  // 40 ms.
const FRAME = frame_of(1);  // Too quiet to be speech.
const SPEECH = frame_of(Buffer.from([0, 16]));
const SILENCE = frame_of(0);

const service = (apiKey, apiVersion) =>
  new GoogleGenAI({ apiKey, httpOptions: { baseUrl: new URL('/', url.replace('ws', 'http')).toString(), apiVersion } });

class Connection {
  constructor(key, config, apiVersion) {
    this.messages = new Inbox();
    this.errors = new Inbox();
    this.closed = new Promise((resolve) => {
      this.opened = service(key, apiVersion).live.connect({
        model: 'gemini-2.5-flash-native-audio-preview-09-2025',
        config,
        callbacks: {
          onmessage: (message) => this.messages.put(message),
          onerror: (event) => this.errors.put(event),
          onclose: ({ code, reason }) => resolve({ code, reason: reason.toString() }),
        },
      });
    });
  }

  async session() {
    return await within(this.opened, 'the session');
  }

  message(what, wanted) {
    return this.messages.next(what, wanted);
  }

  async close() {
    (await this.session()).close();
    const { code } = await within(this.closed, 'the close handshake');
    assert.ok(code === 1000 || code === 1005, `closed ${code}`);  // The SDK says no code, so it may hear none.
  }
}

// A whole answer; returns the handle that the session can be carried on with.
async function answer(connection) {
  let bytes = 0;
  let generated = false;
  while (true) {
    const { serverContent, usageMetadata } = await connection.message('turnComplete', (message) => message.serverContent);
    for (const { inlineData } of serverContent.modelTurn?.parts ?? []) {
      assert.equal(inlineData.mimeType, 'audio/pcm;rate=24000');
      bytes += bytes_of(inlineData.data);
    }
    generated ||= serverContent.generationComplete === true;
    if (!serverContent.turnComplete) continue;
    assert.ok(generated, 'no generationComplete');
    assert.ok(usageMetadata.totalTokenCount > 0);
    break;
  }
  assert.ok(bytes >= 48_000, `${bytes} bytes of audio`);  // A second, at the least.
  const { sessionResumptionUpdate } =
    await connection.message('a handle', (message) => message.sessionResumptionUpdate?.newHandle);
  assert.equal(sessionResumptionUpdate.resumable, true);
  return sessionResumptionUpdate.newHandle;
}

// The function that is called before an answer, and what it results in.
async function a_function(connection, session) {
  const { toolCall } = await connection.message('a call', (message) => message.toolCall);
  const [{ id, name, args }] = toolCall.functionCalls;
  assert.equal(name, 'lights');
  assert.equal(typeof args, 'object');
  session.sendToolResponse({ functionResponses: [{ id, name, response: { done: true } }] });
}

// The user's activity is the client's to tell.
async function a_session() {
  const connection = new Connection('right', {
    responseModalities: [Modality.AUDIO],
    systemInstruction: 'Be brief.',
    speechConfig: { voiceConfig: { prebuiltVoiceConfig: { voiceName: 'Kore' } } },
    realtimeInputConfig: { automaticActivityDetection: { disabled: true } },
    contextWindowCompression: { triggerTokens: '25600', slidingWindow: { targetTokens: '12800' } },
    sessionResumption: {},
    inputAudioTranscription: {},
    outputAudioTranscription: {},
    tools: [{ functionDeclarations: [{ name: 'lights', parameters: { type: 'OBJECT', properties: { on: { type: 'BOOLEAN' } } } }] }],
  });
  const session = await connection.session();
  session.sendRealtimeInput({ activityStart: {} });
  for (let i = 0; i < 10; ++i) session.sendRealtimeInput({ audio: FRAME });
  session.sendRealtimeInput({ activityEnd: {} });
  await a_function(connection, session);
  await answer(connection);

  session.sendClientContent({ turns: [{ role: 'user', parts: [{ text: 'Hello' }] }], turnComplete: true });
  await a_function(connection, session);
  const handle = await answer(connection);
  await connection.close();
  return handle;
}

// Speech is a turn once there is silence, and breaks off the answer that it is spoken over.
async function turns_that_are_heard(connection, session) {
  const say = (frame, times) => {
    for (let i = 0; i < times; ++i) session.sendRealtimeInput({ audio: frame });
  };
  say(SPEECH, 10);
  say(SILENCE, 15);
  await answer(connection);

  say(SPEECH, 10);
  say(SILENCE, 15);
  await connection.message('an answer', (message) => message.serverContent?.modelTurn);
  say(SPEECH, 10);
  let interrupted = false;
  while (true) {
    const { serverContent } = await connection.message('turnComplete', (message) => message.serverContent);
    assert.ok(!serverContent.generationComplete);
    interrupted ||= serverContent.interrupted === true;
    if (serverContent.turnComplete) break;
  }
  assert.ok(interrupted, 'not interrupted');
  say(SILENCE, 15);
  await answer(connection);
}

// The service finds out by itself when the user speaks.
async function carried_on(handle) {
  const connection = new Connection('right', { responseModalities: [Modality.AUDIO], sessionResumption: { handle } });
  const session = await connection.session();
  for (let i = 0; i < 10; ++i) session.sendRealtimeInput({ audio: FRAME });
  session.sendRealtimeInput({ audioStreamEnd: true });
  await answer(connection);
  await turns_that_are_heard(connection, session);
  await connection.close();
}

async function a_bad_key() {
  const connection = new Connection('wrong', { responseModalities: [Modality.AUDIO] });
  const { code, reason } = await within(connection.closed, 'the close');
  assert.equal(code, 1007);
  assert.match(reason, /^API key not valid/);
}

// A key for somebody else's browser, made at the same base URL.
async function an_ephemeral_token() {
  const { name } = await service('right', 'v1alpha').authTokens.create({ config: { uses: 1 } });
  assert.match(name, /^auth_tokens\//);
  const connection = new Connection(name, { responseModalities: [Modality.AUDIO] }, 'v1alpha');
  await connection.session();
  await connection.message('setupComplete', (message) => message.setupComplete);
  await connection.close();
}

async function a_message_that_is_none() {
  const connection = new Connection('right', { responseModalities: [Modality.AUDIO] });
  (await connection.session()).sendRealtimeInput({ audio: { data: '?', mimeType: 'audio/pcm;rate=16000' } });
  const { code, reason } = await within(connection.closed, 'the close');
  assert.equal(code, 1007);
  assert.match(reason, /^Request contains an invalid argument/);
}

async function a_certificate_that_is_not_trusted() {
  const connection = new Connection('right', { responseModalities: [Modality.AUDIO] });
  const { message } = await connection.errors.next('an error', () => true);
  assert.match(message, /certificate/);
}

if (untrusted) {
  await a_certificate_that_is_not_trusted();
} else {
  await carried_on(await a_session());
  await a_bad_key();
  await an_ephemeral_token();
  await a_message_that_is_none();
}
process.exit(0);  // What the SDK waits for in a session that was refused never comes.
