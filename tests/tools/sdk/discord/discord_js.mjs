// SPDX-License-Identifier: Apache-2.0
// discord.js without its gateway: a bot that only calls the API, and a webhook. The fake lets the token right in.

import assert from 'node:assert/strict';

import { Client, DiscordAPIError, EmbedBuilder, MessageFlags, WebhookClient } from 'discord.js';

import { fake, post_as_user, within } from '../expect.mjs';

const rest = { api: fake.url.replace(/\/v10$/, ''), version: '10' };

async function failure(promise) {
  return within(promise.then(() => assert.fail('it was taken'), (error) => error), 'a refusal');
}

async function a_bot() {
  const client = new Client({ intents: [], rest });
  client.rest.setToken('right');
  const channel = await client.channels.fetch('222', { allowUnknownGuild: true });
  assert.equal(channel.id, '222');

  const sent = await channel.send({ content: 'soak 1', nonce: '1', enforceNonce: true });
  assert.equal(sent.content, 'soak 1');
  assert.equal(sent.author.bot, true);
  const embed = new EmbedBuilder().setTitle('soak').setColor(0x00ff00).setTimestamp().addFields({ name: 'a', value: 'b' });
  const rich = await channel.send({ content: 'soak 2', embeds: [embed], files: [{ attachment: Buffer.from('hello'), name: 'a.txt' }] });
  assert.equal(rich.embeds[0].title, 'soak');
  assert.equal(rich.embeds[0].fields[0].value, 'b');
  assert.equal(rich.attachments.first().name, 'a.txt');
  assert.equal(rich.attachments.first().size, 5);
  const reply = await channel.send({ content: 'soak 3', reply: { messageReference: sent.id } });
  assert.equal(reply.reference.messageId, sent.id);
  assert.equal((await channel.messages.edit(sent.id, 'soak one')).content, 'soak one');
  await channel.sendTyping();

  const id = await post_as_user({ conversation: '222', text: 'hello bot', from: '99' });
  const received = await channel.messages.fetch({ limit: 5 });
  assert.equal(received.get(id).content, 'hello bot');
  assert.equal(received.get(id).author.id, '99');
  assert.equal((await channel.messages.fetch(sent.id)).content, 'soak one');
  await channel.messages.react(sent.id, '🔥');
  await channel.messages.delete(sent.id);
  assert.equal((await failure(channel.messages.fetch({ message: sent.id, force: true }))).code, 10008);

  const too_long = await failure(channel.send('a'.repeat(2001)));
  assert.ok(too_long instanceof DiscordAPIError, String(too_long));
  assert.equal(too_long.code, 50035);
  await client.destroy();
}

// More than the bucket holds, all at once: its queue waits for the bucket by the headers.
async function a_burst() {
  const client = new Client({ intents: [], rest });
  client.rest.setToken('right');
  let refused = 0;
  client.rest.on('rateLimited', ({ timeToReset }) => (refused += timeToReset > 0 ? 0 : 1));
  const channel = await client.channels.fetch('333', { allowUnknownGuild: true });
  const all = [];
  for (let i = 1; i <= 30; ++i) all.push(channel.send(`soak ${i}`));
  const sent = await within(Promise.all(all), 'thirty messages');
  assert.deepEqual(sent.map(({ content }) => content), all.map((_, i) => `soak ${i + 1}`));
  assert.equal(refused, 0);
  await client.destroy();
}

async function a_webhook() {
  // As Discord's own page shows it: without a version.
  const [id, token] = fake.webhook.split('/').slice(-2);
  const hook = new WebhookClient({ id, token }, { rest });
  const sent = await hook.send({ content: 'soak 1', username: 'somebody' });
  assert.equal(sent.author?.username ?? sent.username, 'somebody');
  assert.equal((await hook.editMessage(sent.id, 'soak one')).content, 'soak one');
  assert.equal((await hook.fetchMessage(sent.id)).content, 'soak one');
  await hook.deleteMessage(sent.id);
  assert.equal((await hook.send({ content: 'soak 2', flags: MessageFlags.SuppressEmbeds })).content, 'soak 2');
  assert.equal((await failure(new WebhookClient({ id: '1', token: 'x' }, { rest }).send('a'))).code, 10015);
  assert.equal((await failure(hook.edit({ name: 'my discord' }))).code, 50035);
  assert.equal((await hook.edit({ name: 'news' })).name, 'news');
  await hook.delete();
  assert.equal((await failure(hook.send('a'))).code, 10015);
}

await a_bot();
await a_webhook();
await a_burst();
