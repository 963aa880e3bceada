// SPDX-License-Identifier: Apache-2.0
// What LiveKit's agents do with a voice model, whichever provider's plugin it is from.

import assert from 'node:assert/strict';

import { initializeLogger, llm } from '@livekit/agents';
import { AudioFrame } from '@livekit/rtc-node';
import { z } from 'zod';

import { Inbox, within } from './expect.mjs';

initializeLogger({ pretty: false, level: 'error' });

// Without limits of numbers: the plugin for Gemini does not pass them on.
const order = z.object({ city: z.string(), days: z.number().int(), unit: z.enum(['celsius', 'fahrenheit']) });

async function all_of(stream) {
  const all = [];
  for await (const one of stream) all.push(one);
  return all;
}

// How much is said and heard in an answer, and which functions it calls.
async function read(generation) {
  const calls = all_of(generation.functionStream);
  let samples = 0;
  let text = '';
  for await (const message of generation.messageStream) {
    const [texts, frames] = await Promise.all([all_of(message.textStream), all_of(message.audioStream)]);
    text += texts.map((part) => part.text ?? part).join('');
    samples += frames.reduce((sum, frame) => sum + frame.samplesPerChannel, 0);
  }
  return { calls: await calls, samples, text };
}

// A session that speaks, calls a function, hears its result and answers.
export async function a_session(model) {
  const session = model.session();
  const generations = new Inbox();
  const errors = [];
  session.on('generation_created', (generation) => generations.put(generation));
  session.on('error', (error) => errors.push(error));
  const next = async (what) => within(read(await generations.next(what, () => true)), `the end of ${what}`);

  await session.updateInstructions('Be brief.');
  const weather = llm.tool({ name: 'get_weather', description: 'The weather of a city.', parameters: order, execute: async () => 'sunny' });
  await within(session.updateTools(new llm.ToolContext([weather])), 'the tools');
  const chat = session.chatCtx.copy();
  chat.addMessage({ role: 'user', content: 'How is the weather in Oslo?' });
  await within(session.updateChatCtx(chat), 'the question');
  session.generateReply().catch((error) => errors.push(error));
  const { calls: [call] } = await next('a call');
  assert.equal(call.name, 'get_weather');
  order.parse(JSON.parse(call.args));

  const results = session.chatCtx.copy();
  results.insert(call);
  results.insert(llm.FunctionCallOutput.create({ callId: call.callId, name: call.name, output: 'sunny', isError: false }));
  await within(session.updateChatCtx(results), 'the result');
  return { session, errors, next };
}

// 40 ms of a tone, or of silence.
export function frame(rate, loudness) {
  const samples = new Int16Array(rate / 25).map((_, i) => Math.round(loudness * Math.sin((i * 2 * Math.PI * 400) / rate)));
  return new AudioFrame(samples, rate, 1, samples.length);
}
