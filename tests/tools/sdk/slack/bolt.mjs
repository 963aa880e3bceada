// SPDX-License-Identifier: Apache-2.0
// Slack's Bolt: an app that gets the events of a workspace by HTTP, checks their signature and answers. The fake lets the
// token xoxb-right in.

import assert from 'node:assert/strict';

import { App, LogLevel } from '@slack/bolt';

import { fake, Inbox, post_as_user, within } from '../expect.mjs';

async function failure(promise) {
  return within(promise.then(() => assert.fail('it was taken'), (error) => error), 'a refusal');
}

function new_app(clientOptions = {}, token = 'xoxb-right') {
  return new App({
    token,
    tokenVerificationEnabled: token === 'xoxb-right',  // Else the constructor would have to be caught.
    signingSecret: 'shh',
    logLevel: LogLevel.ERROR,
    clientOptions: { slackApiUrl: `${fake.url}/`, ...clientOptions },
  });
}

async function an_app_that_answers() {
  const app = new_app();
  const answers = new Inbox();
  app.message(/^hello/, async ({ message, say }) => answers.put(await say(`hello <@${message.user}>`)));
  app.message('thread', async ({ message, say }) => answers.put(await say({ text: 'in a thread', thread_ts: message.ts })));
  await app.start({ fd: fake.listener });

  const ts = await post_as_user({ conversation: 'C1', text: 'hello bot', from: 'U7' });
  const answer = await answers.next('the answer', () => true);
  assert.equal(answer.message.text, 'hello <@U7>');
  const root = await post_as_user({ conversation: 'C1', text: 'a thread please', from: 'U7' });
  assert.equal((await answers.next('the answer in a thread', () => true)).message.thread_ts, root);
  await app.stop();
  return { client: app.client, ts };
}

async function messages({ client, ts }) {
  const { messages: history } = await client.conversations.history({ channel: 'C1' });
  assert.equal(history.find((message) => message.ts === ts).text, 'hello bot');
  const blocks = [{ type: 'section', text: { type: 'mrkdwn', text: '*soak*' } },
                  { type: 'actions', elements: [{ type: 'button', text: { type: 'plain_text', text: 'a' }, action_id: 'a' }] }];
  const sent = await client.chat.postMessage({ channel: '#general', text: 'soak 1', blocks });
  assert.equal(sent.message.blocks[1].elements[0].action_id, 'a');
  await client.chat.update({ channel: sent.channel, ts: sent.ts, text: 'soak one' });
  await client.reactions.add({ channel: sent.channel, timestamp: sent.ts, name: 'thumbsup' });
  await client.chat.delete({ channel: sent.channel, ts: sent.ts });
  const gone = await failure(client.chat.update({ channel: sent.channel, ts: sent.ts, text: 'a' }));
  assert.equal(gone.code, 'slack_webapi_platform_error');
  assert.equal(gone.data.error, 'message_not_found');
  const { channel } = await client.conversations.open({ users: 'U7,U8' });
  assert.match(channel.id, /^G/);
  let names = 0;
  for await (const page of client.paginate('conversations.list', { limit: 1 })) names += page.channels.length;
  assert.equal(names, 2);
}

// More than a channel may have at once: it waits as long as it is told, and sends again.
async function a_burst() {
  const { client } = new_app({ maxRequestConcurrency: 1 });  // So that none is under way when the first one is refused.
  const all = [];
  for (let i = 1; i <= 30; ++i) all.push(client.chat.postMessage({ channel: 'C2', text: `soak ${i}` }));
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error('a minute')), 100_000)));
  const sent = await Promise.race([Promise.all(all), late]);
  clearTimeout(timer);
  assert.ok(sent.every(({ ok }) => ok));
}

const refused = new_app({ retryConfig: { retries: 0 } }, 'xoxb-wrong');
assert.equal((await failure(refused.client.auth.test())).data.error, 'invalid_auth');
await messages(await an_app_that_answers());
await a_burst();
