# SPDX-License-Identifier: Apache-2.0
"""discord.py without its gateway: a bot that only calls the API, and a webhook. The fake lets the token right in."""

import asyncio
import json
import os

import aiohttp
import discord
import discord.http

FAKE = json.loads(os.environ["SOAK_FAKE"])


async def refused(awaitable, kind, code):
    try:
        await awaitable
    except kind as error:
        assert error.code == code, error
        return
    raise AssertionError("it was taken")


async def post_as_user(message):
    async with aiohttp.ClientSession() as session:
        async with session.post(FAKE["control"], json=message) as answer:
            assert answer.status == 200, await answer.text()
            return (await answer.json())["id"]


async def a_bot(client):
    await client.login("right")
    assert client.user.bot
    assert (await client.application_info()).name == "soak"
    channel = client.get_partial_messageable(222)
    sent = await channel.send("soak 1", nonce="1")
    assert sent.content == "soak 1"
    assert sent.author == client.user
    embed = discord.Embed(title="soak", description="an embed", colour=discord.Colour.green())
    embed.add_field(name="a", value="b")
    rich = await channel.send("soak 2", embed=embed, file=discord.File(__file__, filename="a.py"))
    assert rich.embeds[0].fields[0].value == "b"
    assert rich.attachments[0].filename == "a.py"
    assert rich.attachments[0].size == os.path.getsize(__file__)
    reply = await sent.reply("soak 3")
    assert reply.reference.message_id == sent.id
    assert (await sent.edit(content="soak one")).content == "soak one"
    await sent.add_reaction("\N{FIRE}")
    assert str((await channel.fetch_message(sent.id)).reactions[0]) == "\N{FIRE}"
    async with channel.typing():
        pass

    received = await post_as_user({"conversation": "222", "text": "hello bot", "from": "99"})
    history = [message async for message in channel.history(limit=5)]
    assert (str(history[0].id), history[0].content, history[0].author.id) == (received, "hello bot", 99), history[0]
    await refused(history[0].edit(content="mine"), discord.Forbidden, 50005)
    await sent.delete()
    await refused(channel.fetch_message(sent.id), discord.NotFound, 10008)
    await refused(channel.send("a" * 2001), discord.HTTPException, 50035)
    assert (await client.fetch_channel(222)).id == 222


async def a_burst(client):
    """More than the bucket holds, all at once: it waits for the bucket by the headers."""
    channel = client.get_partial_messageable(333)
    sent = await asyncio.wait_for(asyncio.gather(*(channel.send(f"soak {i}") for i in range(1, 31))), 60)
    assert [message.content for message in sent] == [f"soak {i}" for i in range(1, 31)]


async def a_webhook():
    async with aiohttp.ClientSession() as session:
        number, token = FAKE["webhook"].split("/")[-2:]
        hook = discord.Webhook.partial(int(number), token, session=session)
        assert (await hook.fetch()).name == "hook"
        sent = await hook.send("soak 1", username="somebody", wait=True)
        assert (await sent.edit(content="soak one")).content == "soak one"
        assert (await hook.fetch_message(sent.id)).content == "soak one"
        await sent.delete()
        await hook.send("soak 2", embed=discord.Embed(title="t"))
        await refused(discord.Webhook.partial(1, "x", session=session).send("a"), discord.NotFound, 10015)


async def a_bad_token():
    client = discord.Client(intents=discord.Intents.none())
    try:
        await client.login("wrong")
    except discord.LoginFailure:
        return
    finally:
        await client.close()
    raise AssertionError("it was taken")


async def main():
    discord.http.Route.BASE = FAKE["url"]
    client = discord.Client(intents=discord.Intents.none())
    await a_bot(client)
    await a_webhook()
    await a_burst(client)
    await client.close()
    await a_bad_token()


asyncio.run(main())
