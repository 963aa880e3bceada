// SPDX-License-Identifier: Apache-2.0
// grammY. The fake lets the token 7:right in.

import assert from 'node:assert/strict';

import { autoRetry } from '@grammyjs/auto-retry';
import { Api, Bot, GrammyError, HttpError } from 'grammy';

import { fake, within } from '../expect.mjs';

const { url, untrusted } = fake;
const client = { apiRoot: url };

async function messages() {
  const { api } = new Bot('7:right', { client });
  const me = await api.getMe();
  assert.equal(me.id, 7);
  assert.equal(me.is_bot, true);

  const sent = await api.sendMessage(42, 'soak 1', { parse_mode: 'HTML' });
  assert.equal(sent.text, 'soak 1');
  assert.equal(sent.chat.id, 42);
  assert.equal(sent.chat.type, 'private');
  const formatted = await api.sendMessage(43, '<b>x</b> &lt;', { parse_mode: 'HTML' });
  assert.equal(formatted.text, 'x <');
  assert.deepEqual(formatted.entities, [{ offset: 0, length: 1, type: 'bold' }]);
  assert.equal((await api.editMessageText(43, formatted.message_id, 'soak one')).text, 'soak one');
  assert.equal(await api.deleteMessage(43, formatted.message_id), true);
  assert.equal(await api.sendChatAction(43, 'typing'), true);
  assert.equal((await api.getChat(43)).type, 'private');
  const commands = [{ command: 'start', description: 'Begins' }];
  assert.equal(await api.setMyCommands(commands), true);
  assert.deepEqual(await api.getMyCommands(), commands);
  assert.equal((await api.sendMessage('@news', 'soak 1')).chat.username, 'news');
  assert.deepEqual(await api.getUpdates({ timeout: 1 }), []);
  assert.equal(await api.deleteWebhook(), true);
}

async function failure(promise) {
  return within(promise.then(() => assert.fail('it was taken'), (error) => error), 'a refusal');
}

async function refusals() {
  const { api } = new Bot('7:right', { client });
  const unauthorized = await failure(new Api('7:wrong', client).getMe());
  assert.ok(unauthorized instanceof GrammyError, String(unauthorized));
  assert.equal(unauthorized.error_code, 401);
  assert.equal(unauthorized.description, 'Unauthorized');

  const not_found = await failure(api.sendMessage(0, 'a'));
  assert.equal(not_found.description, 'Bad Request: chat not found');
  const unparsed = await failure(api.sendMessage(1, 'a.b!', { parse_mode: 'MarkdownV2' }));
  assert.match(unparsed.description, /^Bad Request: can't parse entities: Character '\.' is reserved/);
  assert.equal((await failure(api.sendMessage(1, ''))).description, 'Bad Request: message text is empty');
  assert.equal((await failure(api.sendMessage(1, 'a'.repeat(4097)))).description, 'Bad Request: message is too long');

  // A chat's burst, and what comes after it; on a slow machine later.
  let limited;
  for (let i = 1; i <= 200 && limited === undefined; ++i) {
    await api.sendMessage(77, `soak ${i}`).catch((error) => (limited = error));
  }
  assert.equal(limited?.error_code, 429, String(limited));
  assert.equal(limited.parameters.retry_after, 1);
}

// Its plugin waits as long as the error says.
async function a_burst() {
  const { api } = new Bot('7:right', { client });
  api.config.use(autoRetry());
  for (let i = 1; i <= 30; ++i) await within(api.sendMessage(78, `soak ${i}`), `message ${i}`);
}

if (untrusted) {
  const error = await failure(new Api('7:right', client).getMe());
  assert.ok(error instanceof HttpError, String(error));
  assert.match(String(error.error), /certificate/);
} else {
  await messages();
  await refusals();
  if (url.startsWith('http:')) await a_burst();  // Once is enough: it takes half a minute.
}
