// SPDX-License-Identifier: Apache-2.0
// telegraf: a bot that polls and answers its users, and one with a webhook. The fake lets the token 7:right in.

import assert from 'node:assert/strict';

import { Telegraf, TelegramError } from 'telegraf';

import { fake, Inbox, post_as_user, within } from '../expect.mjs';

const options = { telegram: { apiRoot: fake.url } };

async function failure(promise) {
  return within(promise.then(() => assert.fail('it was taken'), (error) => error), 'a refusal');
}

async function a_bot_that_polls() {
  const bot = new Telegraf('7:right', options);
  const heard = new Inbox();
  bot.start((context) => context.reply('Welcome'));
  bot.hears(/^hello/, async (context) => heard.put(await context.reply(`hello ${context.from.first_name}`)));
  bot.hashtag('news', async (context) => heard.put(await context.replyWithHTML('<b>news</b>')));
  bot.command('help', async (context) => heard.put(await context.replyWithMarkdownV2('*help*\\.')));
  const launched = bot.launch({ dropPendingUpdates: false }, () => heard.put('launched'));
  await heard.next('the launch', (what) => what === 'launched');

  await post_as_user({ conversation: '42', text: 'hello bot' });
  const answer = await heard.next('the answer', () => true);
  assert.equal(answer.text, 'hello User 42');
  await post_as_user({ conversation: '43', text: '/help me' });
  const help = await heard.next('the answer to a command', () => true);
  assert.equal(help.text, 'help.');
  assert.deepEqual(help.entities, [{ type: 'bold', offset: 0, length: 4 }]);
  await post_as_user({ conversation: '44', text: 'some #news' });
  assert.equal((await heard.next('the answer to a hashtag', () => true)).text, 'news');
  bot.stop('the end');
  await within(launched, 'the end of the polling');

  const { telegram } = bot;
  assert.equal((await telegram.getMe()).username, 'soak_bot');
  const keyboard = { reply_markup: { inline_keyboard: [[{ text: 'a', callback_data: 'a' }]] } };
  const sent = await telegram.sendMessage(45, 'soak 1', keyboard);
  assert.deepEqual(sent.reply_markup, keyboard.reply_markup);
  assert.equal((await telegram.editMessageText(45, sent.message_id, undefined, 'soak one')).text, 'soak one');
  const reply = await telegram.sendMessage(45, 'soak 2', { reply_parameters: { message_id: sent.message_id } });
  assert.equal(reply.reply_to_message.message_id, sent.message_id);
  assert.equal(await telegram.deleteMessage(45, sent.message_id), true);
  const gone = await failure(telegram.editMessageText(45, sent.message_id, undefined, 'soak two'));
  assert.ok(gone instanceof TelegramError, String(gone));
  assert.equal(gone.description, 'Bad Request: message to edit not found');
  assert.equal((await failure(telegram.sendMessage(45, '<b>', { parse_mode: 'HTML' }))).code, 400);
  const link = await telegram.sendMessage(46, 'see https://example.com and @soak_bot');
  assert.deepEqual(link.entities.map(({ type }) => type), ['url', 'mention']);
}

async function a_bot_with_a_webhook() {
  const bot = new Telegraf('7:right', options);
  const heard = new Inbox();
  bot.on('text', (context) => heard.put(context.message.text));
  const { createServer } = await import('node:http');
  const server = createServer(bot.webhookCallback('/hook', { secretToken: 'secret' }));
  await new Promise((resolve) => server.listen({ fd: fake.listener }, resolve));
  const { port } = server.address();
  await bot.telegram.setWebhook(`http://127.0.0.1:${port}/hook`, { secret_token: 'secret' });
  await post_as_user({ conversation: '47', text: 'by webhook' });
  assert.equal(await heard.next('the update', () => true), 'by webhook');
  assert.equal((await bot.telegram.getWebhookInfo()).pending_update_count, 0);
  await bot.telegram.deleteWebhook();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

// It has no limiter of its own. Its documentation catches the error and waits as long as it says.
async function a_burst() {
  const { telegram } = new Telegraf('7:right', options);
  for (let i = 1; i <= 30; ++i) {
    while (true) {
      try {
        await telegram.sendMessage(77, `soak ${i}`);
        break;
      } catch (error) {
        assert.equal(error.code, 429, String(error));
        await new Promise((resolve) => setTimeout(resolve, error.parameters.retry_after * 1000));
      }
    }
  }
}

assert.equal((await failure(new Telegraf('7:wrong', options).telegram.getMe())).code, 401);
await a_bot_that_polls();
await a_bot_with_a_webhook();
await a_burst();
