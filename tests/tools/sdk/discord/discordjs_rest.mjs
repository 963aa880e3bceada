// SPDX-License-Identifier: Apache-2.0
// discord.js' REST module, which other packages use without the rest of it. The fake lets the token right in.

import assert from 'node:assert/strict';

import { DiscordAPIError, REST } from '@discordjs/rest';

import { fake, within } from '../expect.mjs';

const { url, webhook, untrusted } = fake;
const api = url.replace(/\/v10$/, '');
const hook = webhook.slice(url.length);
const options = { api, version: '10', retries: 0 };

async function failure(promise) {
  return within(promise.then(() => assert.fail('it was taken'), (error) => error), 'a refusal');
}

async function messages() {
  const rest = new REST(options).setToken('right');
  assert.equal((await rest.get('/users/@me')).bot, true);

  const body = { content: 'soak 1', nonce: 'n-1', enforce_nonce: true };
  const sent = await rest.post('/channels/222/messages', { body });
  assert.equal(sent.content, 'soak 1');
  assert.equal(sent.nonce, 'n-1');
  assert.equal((await rest.post('/channels/222/messages', { body })).id, sent.id);

  const files = [{ name: 'a.txt', data: Buffer.from('hello') }];
  assert.equal((await rest.post('/channels/222/messages', { body: { content: 'soak 2' }, files })).content, 'soak 2');

  const query = new URLSearchParams({ wait: 'true' });
  const by_hook = await rest.post(hook, { body: { content: 'soak 1' }, query, auth: false });
  assert.equal(by_hook.author.username, 'hook');
  assert.equal((await rest.get(hook, { auth: false })).id, by_hook.webhook_id);

  const path = `/channels/222/messages/${sent.id}`;
  assert.equal((await rest.patch(path, { body: { content: 'soak one', embeds: [{ title: 't' }] } })).embeds[0].title, 't');
  await rest.put(`${path}/reactions/${encodeURIComponent('🔥')}/@me`);
  assert.equal((await rest.get(path)).reactions[0].emoji.name, '🔥');
  await rest.delete(path);
  await rest.post('/channels/222/typing');
  assert.equal((await rest.get('/oauth2/applications/@me')).name, 'soak');

  // It keeps to the bucket by the headers alone: sdk_test.py looks that none of them was refused.
  for (let i = 1; i <= 11; ++i) {
    await within(rest.post('/channels/333/messages', { body: { content: `soak ${i}` } }), `message ${i}`);
  }
}

async function refusals() {
  const rest = new REST(options).setToken('right');
  const unauthorized = await failure(new REST(options).setToken('wrong').get('/users/@me'));
  assert.ok(unauthorized instanceof DiscordAPIError, String(unauthorized));
  assert.equal(unauthorized.status, 401);
  const too_long = await failure(rest.post('/channels/222/messages', { body: { content: 'a'.repeat(2001) } }));
  assert.equal(too_long.code, 50035);
  assert.match(too_long.message, /content\[BASE_TYPE_MAX_LENGTH\]: Must be 2000 or fewer in length\./);
  assert.equal((await failure(rest.post('/channels/222/messages', { body: {} }))).code, 50006);
  assert.equal((await failure(rest.post('/webhooks/1/a', { body: { content: 'a' }, auth: false }))).code, 10015);
  assert.equal((await failure(rest.post(`${hook}x`, { body: { content: 'a' }, auth: false }))).code, 50027);
}

if (untrusted) {
  const error = await failure(new REST(options).setToken('right').get('/users/@me'));
  assert.match(String(error.cause ?? error), /certificate/);
} else {
  await messages();
  await refusals();
}
