# SPDX-License-Identifier: Apache-2.0
"""python-telegram-bot: a bot that polls and answers its users. Debian 12 has version 13, whose methods block, and Debian 13
has version 21, whose methods are awaited. The fake lets the token 777:right in."""

import asyncio
import inspect
import json
import os
import urllib.request

import telegram
import telegram.error
import telegram.ext

FAKE = json.loads(os.environ["SOAK_FAKE"])
IS_ASYNC = int(telegram.__version__.split(".")[0]) >= 20


async def done(value):
    return await value if inspect.isawaitable(value) else value


def new_bot(token):
    return telegram.Bot(token, base_url=f"{FAKE['url']}/bot")


async def refused(call, kind, text):
    try:
        await done(call())
    except kind as error:
        assert text in str(error), error
        return
    raise AssertionError("it was taken")


def post_as_user(message):
    request = urllib.request.Request(FAKE["control"], json.dumps(message).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)["id"]


async def a_bot(bot):
    me = await done(bot.get_me())
    assert (me.id, me.username, me.is_bot) == (777, "soak_bot", True), me
    sent = await done(bot.send_message(42, "<b>x</b> &lt; <a href='https://example.com'>y</a>", parse_mode="HTML"))
    assert sent.text == "x < y"
    assert sent.parse_entities() == {sent.entities[0]: "x", sent.entities[1]: "y"}
    assert sent.entities[1].url == "https://example.com/"
    mode = "MarkdownV2"
    again = await done(bot.send_message(41, sent.text_markdown_v2, parse_mode=mode))  # What it makes of what it got.
    assert (again.text, again.entities) == (sent.text, sent.entities)
    keyboard = telegram.InlineKeyboardMarkup([[telegram.InlineKeyboardButton("a", callback_data="b")]])
    asked = await done(bot.send_message(43, "soak 1", reply_markup=keyboard))
    assert asked.reply_markup.inline_keyboard[0][0].callback_data == "b"
    edited = await done(bot.edit_message_text("soak one", chat_id=43, message_id=asked.message_id))
    assert edited.text == "soak one" and edited.edit_date is not None
    reply = await done(bot.send_message(44, "soak 2", reply_to_message_id=None))
    assert await done(bot.delete_message(43, asked.message_id))
    assert await done(bot.send_chat_action(44, "typing"))
    assert (await done(bot.get_chat(44))).type == "private" == reply.chat.type
    commands = [telegram.BotCommand("start", "Begins")]
    assert await done(bot.set_my_commands(commands))
    assert list(await done(bot.get_my_commands())) == commands
    bad = telegram.error.BadRequest
    await refused(lambda: bot.send_message(44, "a.b!", parse_mode=mode), bad, "Can't parse entities")
    await refused(lambda: bot.send_message(0, "a"), bad, "Chat not found")
    await refused(lambda: bot.delete_message(43, asked.message_id), bad, "Message to delete not found")
    away = telegram.error.InvalidToken if IS_ASYNC else telegram.error.Unauthorized
    await refused(lambda: new_bot("777:wrong").get_me(), away, "")


def hearer(heard, name, words):
    """A handler that answers with the words: a coroutine for version 20 and later."""
    if IS_ASYNC:
        async def handle(update, context):
            await update.message.reply_text(words(update, context))
            heard.append(name)
    else:
        def handle(update, context):
            update.message.reply_text(words(update, context))
            heard.append(name)
    return handle


class Polling:
    """A bot with two handlers, while it polls."""

    def __init__(self, heard):
        ext = telegram.ext
        self.bot = new_bot("777:right")
        self.program = (ext.Application.builder().bot(self.bot).build() if IS_ASYNC else ext.Updater(bot=self.bot))
        filters = ext.filters if IS_ASYNC else ext.Filters
        texts = filters.TEXT & ~filters.COMMAND if IS_ASYNC else filters.text & ~filters.command
        add = self.program.add_handler if IS_ASYNC else self.program.dispatcher.add_handler
        add(ext.CommandHandler("help", hearer(heard, "help", lambda _, context: f"help with {' '.join(context.args)}")))
        add(ext.MessageHandler(texts, hearer(heard, "text", lambda update, _: f"hello {update.effective_user.first_name}")))

    async def __aenter__(self):
        if IS_ASYNC:
            await self.program.initialize()
            await self.program.start()
            await self.program.updater.start_polling(poll_interval=0, timeout=2)
        else:
            self.program.start_polling(poll_interval=0, timeout=2)

    async def __aexit__(self, *_):
        if IS_ASYNC:
            await self.program.updater.stop()
            await self.program.stop()
            await self.program.shutdown()
        else:
            self.program.stop()


async def a_bot_that_polls():
    """It hears a text, and a command, which Telegram marks as one."""
    heard = []
    async with Polling(heard):
        post_as_user({"conversation": "51", "text": "hello bot"})
        post_as_user({"conversation": "52", "text": "/help me please"})
        for _ in range(200):
            if len(heard) == 2:
                break
            await asyncio.sleep(0.1)
    assert sorted(heard) == ["help", "text"], heard


async def a_burst(bot):
    """Without a limiter, its documentation catches RetryAfter and waits as long as it says."""
    for i in range(1, 31):
        while True:
            try:
                await done(bot.send_message(77, f"soak {i}"))
                break
            except telegram.error.RetryAfter as error:
                await asyncio.sleep(error.retry_after)


async def main():
    bot = new_bot("777:right")
    await a_bot(bot)
    await a_bot_that_polls()
    await a_burst(bot)


asyncio.run(main())
