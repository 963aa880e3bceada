// SPDX-License-Identifier: Apache-2.0
// Slack's official SDK: the Web API, of which the fake lets the token xoxb-right in, and the incoming webhook.

import assert from 'node:assert/strict';

import { ErrorCode, WebClient } from '@slack/web-api';
import { IncomingWebhook } from '@slack/webhook';

import { fake, within } from '../expect.mjs';

const { url, webhook, untrusted } = fake;
const options = { slackApiUrl: `${url}/`, retryConfig: { retries: 0 }, logLevel: 'error' };

async function failure(promise) {
  return within(promise.then(() => assert.fail('it was taken'), (error) => error), 'a refusal');
}

async function messages() {
  const client = new WebClient('xoxb-right', options);
  assert.equal((await client.api.test({ foo: 'bar' })).args.foo, 'bar');
  const auth = await client.auth.test();
  assert.equal(auth.team, 'Soak');

  const by_name = await client.chat.postMessage({ channel: 'general', text: 'soak 1' });
  assert.match(by_name.channel, /^C[0-9A-Z]+$/);
  assert.equal((await client.chat.postMessage({ channel: '#general', text: 'soak 2' })).channel, by_name.channel);
  const { channels } = await client.conversations.list();
  assert.equal(channels.find(({ name }) => name === 'general').id, by_name.channel);
  await client.reactions.add({ channel: by_name.channel, timestamp: by_name.ts, name: 'thumbsup' });
  const edited = await client.chat.update({ channel: by_name.channel, ts: by_name.ts, text: 'soak one' });
  assert.equal(edited.text, 'soak one');
  await client.chat.delete({ channel: by_name.channel, ts: by_name.ts });
  assert.equal((await client.conversations.open({ users: 'U7' })).channel.id, 'D7');
  assert.equal((await client.users.info({ user: 'U7' })).user.id, 'U7');

  const sent = await client.chat.postMessage({ channel: 'C1', text: 'soak 1' });
  assert.equal(sent.ok, true);
  assert.equal(sent.message.text, 'soak 1');
  assert.match(sent.ts, /^\d+\.\d{6}$/);
  const blocks = [{ type: 'section', text: { type: 'mrkdwn', text: '*soak*' } }];
  const with_blocks = await client.chat.postMessage({ channel: 'C1', text: 'soak 2', blocks });
  assert.equal(with_blocks.message.blocks[0].text.text, '*soak*');

  assert.deepEqual(await new IncomingWebhook(webhook).send('soak 3'), { text: 'ok' });
}

async function refusals() {
  const client = new WebClient('xoxb-right', options);
  const unauthorized = await failure(new WebClient('xoxb-wrong', options).auth.test());
  assert.equal(unauthorized.code, ErrorCode.PlatformError);
  assert.equal(unauthorized.data.error, 'invalid_auth');
  const nowhere = await failure(client.chat.postMessage({ channel: 'Not A Name', text: 'a' }));
  assert.equal(nowhere.data.error, 'channel_not_found');
  const refresh = await failure(client.oauth.v2.access(
    { client_id: '1.2', client_secret: 's', grant_type: 'refresh_token', refresh_token: 'xoxe-used' }));
  assert.equal(refresh.data.error, 'invalid_refresh_token');
  const gone = await failure(new IncomingWebhook(`${webhook}x`).send('a'));
  assert.equal(gone.original.response.status, 404);
  assert.equal(gone.original.response.data, 'no_service');

  // A channel's burst, and what comes after it; on a slow machine later. The SDK says how long it has to wait, or waits.
  const impatient = new WebClient('xoxb-right', { ...options, rejectRateLimitedCalls: true });
  let limited;
  let text;
  for (let i = 1; i <= 300 && limited === undefined; ++i) {
    text = `soak ${i}`;
    await impatient.chat.postMessage({ channel: 'C2', text }).catch((error) => (limited = error));
  }
  assert.equal(limited?.code, ErrorCode.RateLimitedError, String(limited));
  assert.equal(limited.retryAfter, 1);
  const retryConfig = { retries: 3, minTimeout: 10, maxTimeout: 10 };
  const patient = new WebClient('xoxb-right', { ...options, retryConfig });
  assert.equal((await within(patient.chat.postMessage({ channel: 'C2', text }), 'the retry')).ok, true);
}

if (untrusted) {
  const error = await failure(new WebClient('xoxb-right', options).auth.test());
  assert.equal(error.code, ErrorCode.RequestError);
  assert.match(error.message, /certificate/);
} else {
  await messages();
  await refusals();
}
