// SPDX-License-Identifier: Apache-2.0
#include "soak/net/http_server.h"
#include "tests/unit/peers/telegram/fixture.h"

namespace soak::peers {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

class TelegramMethodsTest : public TelegramTest {
 public:
  Got call(const TelegramPeer& peer, const std::string& method, const std::string& body = "{}") {
    return ask("POST", url(peer, method), body, {{"Content-Type", "application/json"}});
  }
};

TEST_F(TelegramMethodsTest, AFormattedTextComesBackWithItsEntities) {
  TelegramPeer peer(loop_);

  const Got html = call(peer, "sendMessage", R"({"chat_id":42,"text":"<b>x</b> &lt;","parse_mode":"HTML"})");
  const Got listed =
      call(peer, "sendMessage",
           R"({"chat_id":42,"text":"see here","entities":[{"type":"text_link","offset":4,"length":4,"url":"a.b"}]})");

  EXPECT_EQ(html.get("result.text"), "x <");
  EXPECT_EQ(html.get("result.entities"), R"([{"offset":0,"length":1,"type":"bold"}])");
  EXPECT_EQ(listed.get("result.entities"), R"([{"offset":4,"length":4,"type":"text_link","url":"http://a.b/"}])");
}

TEST_F(TelegramMethodsTest, AFormatThatIsWrongIsRefused) {
  TelegramPeer peer(loop_);

  EXPECT_EQ(call(peer, "sendMessage", R"({"chat_id":42,"text":"a <foo> b","parse_mode":"HTML"})").body,
            R"({"ok":false,"error_code":400,"description":"Bad Request: can't parse entities: )"
            R"(Unsupported start tag \"foo\" at byte offset 2"})");
  EXPECT_THAT(call(peer, "sendMessage", R"({"chat_id":42,"text":"a.b!","parse_mode":"MarkdownV2"})").body,
              HasSubstr("can't parse entities: Character '.' is reserved"));
  EXPECT_EQ(call(peer, "sendMessage", R"({"chat_id":42,"text":"a","parse_mode":"BBCode"})").get("description"),
            "Bad Request: unsupported parse_mode");
  EXPECT_EQ(peer.ledger().messages_stored, 0u);
  EXPECT_EQ(peer.ledger().refused, 3u);
}

TEST_F(TelegramMethodsTest, TheLengthIsThatOfTheTextAfterParsing) {
  TelegramPeer peer(loop_);
  const auto send_html = [&](const std::string& text) {
    return call(peer, "sendMessage", R"({"chat_id":42,"parse_mode":"HTML","text":")" + text + "\"}");
  };

  EXPECT_EQ(send_html("<b>" + std::string(4096, 'a') + "</b>").status, 200);
  EXPECT_EQ(send_html("<b>" + std::string(4097, 'a') + "</b>").get("description"), "Bad Request: message is too long");
  EXPECT_EQ(send_html("<b></b>").get("description"), "Bad Request: message text is empty");
}

TEST_F(TelegramMethodsTest, ABotEditsAndDeletesItsMessage) {
  TelegramPeer peer(loop_);
  const std::string id = send(peer, "soak 1").get("result.message_id");
  const std::string theirs = peer.post_text(42, "hello");
  const auto edit = [&](const std::string& message, const std::string& text) {
    return call(peer, "editMessageText",
                R"({"chat_id":42,"parse_mode":"HTML","message_id":)" + message + R"(,"text":")" + text + "\"}");
  };
  const auto remove = [&](const std::string& message) {
    return call(peer, "deleteMessage", R"({"chat_id":42,"message_id":)" + message + "}");
  };

  pass(10s);
  const Got edited = edit(id, "<i>soak one</i>");
  EXPECT_EQ(edited.get("result.text"), "soak one");
  EXPECT_EQ(edited.get("result.entities.0.type"), "italic");
  EXPECT_EQ(edited.get("result.edit_date"), std::to_string(std::stoll(edited.get("result.date")) + 10));
  EXPECT_EQ(edit(id, "<i>soak one</i>").get("description"),
            "Bad Request: message is not modified: specified new message content and reply markup are exactly the same "
            "as a current content and reply markup of the message");
  EXPECT_EQ(edit(theirs, "mine").get("description"), "Bad Request: message can't be edited");
  EXPECT_EQ(edit("99", "a").get("description"), "Bad Request: message to edit not found");
  EXPECT_EQ(remove(id).body, R"({"ok":true,"result":true})");
  EXPECT_EQ(remove(id).get("description"), "Bad Request: message to delete not found");
  EXPECT_EQ(remove("0").get("description"), "Bad Request: message identifier is not specified");

  EXPECT_EQ(peer.ledger().messages_stored, 1u);
  EXPECT_EQ(peer.ledger().messages_edited, 1u);
  EXPECT_EQ(peer.ledger().messages_deleted, 1u);
  EXPECT_THAT(peer.ledger().findings, IsEmpty());
}

TEST_F(TelegramMethodsTest, AnEditCountsLikeAMessageOfItsChat) {
  TelegramPeer peer(loop_, {.limits = {.chat_burst = 2}});
  const std::string id = send(peer, "soak 1").get("result.message_id");
  const auto edit = [&](const std::string& text) {
    return call(peer, "editMessageText", R"({"chat_id":42,"message_id":)" + id + R"(,"text":")" + text + "\"}");
  };

  EXPECT_EQ(edit("a").status, 200);
  EXPECT_EQ(edit("b").get("parameters.retry_after"), "1");
  EXPECT_EQ(call(peer, "getChat", R"({"chat_id":42})").status, 200);
  EXPECT_EQ(peer.ledger().rate_limited, 1u);
  EXPECT_THAT(peer.ledger().findings, IsEmpty());
  EXPECT_EQ(send(peer, "soak 2").status, 429);
  EXPECT_EQ(kinds(peer.ledger()), std::vector{ChannelFindingKind::kInsideWindow});
}

TEST_F(TelegramMethodsTest, AReplyHasTheMessageThatItAnswers) {
  TelegramPeer peer(loop_);
  const std::string theirs = peer.post_text(42, "hello");
  const auto reply = [&](const std::string& parameters) {
    return call(peer, "sendMessage", R"({"chat_id":42,"text":"hi","reply_parameters":)" + parameters + "}");
  };

  EXPECT_EQ(reply(R"({"message_id":)" + theirs + "}").get("result.reply_to_message.text"), "hello");
  EXPECT_EQ(reply(R"({"message_id":99})").get("description"), "Bad Request: message to be replied not found");
  EXPECT_EQ(reply(R"({"message_id":99,"allow_sending_without_reply":true})").get("result.reply_to_message"),
            "(absent)");
}

TEST_F(TelegramMethodsTest, AnInlineKeyboardComesBack) {
  TelegramPeer peer(loop_);
  const std::string keyboard = R"({"inline_keyboard":[[{"text":"a","callback_data":"b"}]]})";

  EXPECT_EQ(call(peer, "sendMessage", R"({"chat_id":42,"text":"a","reply_markup":)" + keyboard + "}")
                .get("result.reply_markup"),
            keyboard);
  EXPECT_EQ(call(peer, "sendMessage", R"({"chat_id":42,"text":"b","reply_markup":{"remove_keyboard":true}})")
                .get("result.reply_markup"),
            "(absent)");
}

TEST_F(TelegramMethodsTest, TellsOfAChat) {
  TelegramPeer peer(loop_, {.chats = {"42", "-1001", "@news"}});
  const auto chat = [&](const std::string& id) { return call(peer, "getChat", R"({"chat_id":")" + id + "\"}"); };

  EXPECT_EQ(chat("42").get("result.type"), "private");
  EXPECT_EQ(chat("-1001").get("result.type"), "supergroup");
  EXPECT_EQ(chat("@news").get("result.username"), "news");
  EXPECT_EQ(chat("43").get("description"), "Bad Request: chat not found");
  EXPECT_EQ(chat("").get("description"), "Bad Request: chat_id is empty");
}

TEST_F(TelegramMethodsTest, ShowsThatItIsTyping) {
  TelegramPeer peer(loop_);

  EXPECT_EQ(call(peer, "sendChatAction", R"({"chat_id":42,"action":"typing"})").body, R"({"ok":true,"result":true})");
  EXPECT_EQ(call(peer, "sendChatAction", R"({"chat_id":42,"action":"sleeping"})").get("description"),
            "Bad Request: wrong parameter action in request");
}

TEST_F(TelegramMethodsTest, ReactsToAMessage) {
  TelegramPeer peer(loop_);
  const std::string id = peer.post_text(42, "hello");
  const auto react = [&](const std::string& message, const std::string& reaction) {
    return call(peer, "setMessageReaction",
                R"({"chat_id":42,"message_id":)" + message + R"(,"reaction":)" + reaction + "}");
  };

  EXPECT_EQ(react(id, R"([{"type":"emoji","emoji":"x"}])").get("result"), "true");
  EXPECT_EQ(react(id, "[]").get("result"), "true");
  EXPECT_EQ(react(id, R"([{"type":"noise"}])").get("description"), "Bad Request: REACTION_INVALID");
  EXPECT_EQ(react("99", "[]").get("description"), "Bad Request: message to react not found");
}

TEST_F(TelegramMethodsTest, KeepsTheCommandsOfEachScope) {
  TelegramPeer peer(loop_);
  const std::string commands = R"([{"command":"start","description":"Begins"}])";

  EXPECT_EQ(call(peer, "setMyCommands", R"({"commands":)" + commands + "}").get("result"), "true");
  EXPECT_EQ(call(peer, "getMyCommands").get("result"), commands);
  EXPECT_EQ(call(peer, "getMyCommands", R"({"language_code":"de"})").get("result"), "[]");
  EXPECT_EQ(call(peer, "setMyCommands", R"({"commands":[{"command":"Start","description":"a"}]})").get("description"),
            "Bad Request: BOT_COMMAND_INVALID");
  EXPECT_EQ(call(peer, "setMyCommands", R"({"commands":[{"command":"start","description":""}]})").get("description"),
            "Bad Request: BOT_COMMAND_DESCRIPTION_INVALID");
  EXPECT_EQ(call(peer, "setMyCommands", R"({"commands":7})").get("description"),
            "Bad Request: can't parse commands JSON object");
  EXPECT_EQ(call(peer, "deleteMyCommands").get("result"), "true");
  EXPECT_EQ(call(peer, "getMyCommands").get("result"), "[]");
}

TEST_F(TelegramMethodsTest, NamesWhatItDoesNotHave) {
  TelegramPeer peer(loop_);

  EXPECT_EQ(call(peer, "sendDice", R"({"chat_id":42})").get("description"), "Not Found: method not found");
  call(peer, "sendDice");
  call(peer, "sendMessage", R"({"chat_id":42,"text":"a","protect_content":true})");

  EXPECT_THAT(peer.ledger().unknown, ElementsAre(Pair("senddice", 2u)));
  EXPECT_THAT(peer.ledger().not_played, ElementsAre(Pair("sendMessage.protect_content", 1u)));
}

// A bot's own server, which keeps what it gets, and answers as `statuses` say; then 200.
struct Bot {
  explicit Bot(EventLoop& loop, std::vector<int> answers = {})
      : statuses(std::move(answers)),
        server(loop, [this](net::HttpServerRequest request) { return serve(std::move(request)); }) {}

  Task<net::HttpReply> serve(net::HttpServerRequest request) {
    const int status = got.size() < statuses.size() ? statuses[got.size()] : 200;
    got.push_back(std::move(request));
    co_return net::HttpReply(net::HttpResponse(status));
  }

  std::vector<int> statuses;
  std::vector<net::HttpServerRequest> got;
  net::HttpServer server;
};

TEST_F(TelegramMethodsTest, AWebhookGetsTheUpdates) {
  Bot bot(loop_);
  TelegramPeer peer(loop_);
  peer.post_text(42, "before");

  EXPECT_EQ(call(peer, "setWebhook", R"({"url":")" + bot.server.url() + R"(/bot","secret_token":"s3"})").get("result"),
            "true");
  peer.post_text(42, "after");
  pass(1s);

  ASSERT_EQ(bot.got.size(), 2u);
  EXPECT_EQ(bot.got[0].path, "/bot");
  EXPECT_EQ(bot.got[0].headers.get("x-telegram-bot-api-secret-token"), "s3");
  EXPECT_EQ(Heard(bot.got[0].body).get("message.text"), "before");
  EXPECT_EQ(Heard(bot.got[1].body).get("message.text"), "after");
  EXPECT_EQ(Heard(bot.got[1].body).get("update_id"), "2");
  EXPECT_EQ(call(peer, "getUpdates").status, 409);
  EXPECT_EQ(call(peer, "getWebhookInfo").get("result.url"), bot.server.url() + "/bot");
  EXPECT_EQ(call(peer, "deleteWebhook").get("result"), "true");
  EXPECT_EQ(call(peer, "getUpdates").body, R"({"ok":true,"result":[]})");
}

TEST_F(TelegramMethodsTest, AWebhookThatFailsIsTriedAgainInOrder) {
  Bot bot(loop_, {500, 500});
  TelegramPeer peer(loop_);
  call(peer, "setWebhook", R"({"url":")" + bot.server.url() + "\"}");

  peer.post_text(42, "one");
  peer.post_text(42, "two");
  pass(500ms);
  EXPECT_EQ(call(peer, "getWebhookInfo").get("result.pending_update_count"), "2");
  EXPECT_EQ(call(peer, "getWebhookInfo").get("result.last_error_message"), "Wrong response from the webhook: 500");
  pass(10s);

  std::vector<std::string> texts;
  for (const net::HttpServerRequest& request : bot.got) {
    texts.push_back(Heard(request.body).get("message.text"));
  }
  EXPECT_THAT(texts, ElementsAre("one", "one", "one", "two"));
  EXPECT_EQ(call(peer, "getWebhookInfo").get("result.pending_update_count"), "0");
}

TEST_F(TelegramMethodsTest, ATestPostsAUsersMessageByTheControlPath) {
  TelegramPeer peer(loop_, {.chats = {"42"}});

  EXPECT_EQ(ask("POST", peer.control_url(), R"({"conversation":42,"text":"hello"})").get("id"), "1");
  EXPECT_EQ(call(peer, "getUpdates").get("result.0.message.text"), "hello");
  EXPECT_EQ(ask("POST", peer.control_url(), R"({"conversation":43,"text":"hello"})").status, 400);
}

TEST_F(TelegramMethodsTest, AWebhookElsewhereIsRefused) {
  TelegramPeer peer(loop_);

  EXPECT_THAT(call(peer, "setWebhook", R"({"url":"https://example.com/bot"})").get("description"),
              HasSubstr("loopback addresses only"));
  EXPECT_THAT(call(peer, "setWebhook", R"({"url":"http://127.0.0.1:1/","secret_token":"a b"})").get("description"),
              HasSubstr("secret token contains unallowed characters"));
  EXPECT_THAT(call(peer, "setWebhook", R"({"url":"http://127.0.0.1:99999/"})").get("description"),
              HasSubstr("loopback addresses only"));
  EXPECT_EQ(call(peer, "getWebhookInfo").get("result.url"), "");
}

TEST_F(TelegramMethodsTest, ListsOfCommandsAreReplacedThoughThereAreNoScopesLeft) {
  TelegramPeer peer(loop_);
  const auto set = [&](int chat, const std::string& command) {
    call(peer, "setMyCommands",
         R"({"scope":{"type":"chat","chat_id":)" + std::to_string(chat) + R"(},"commands":[{"command":")" + command +
             R"(","description":"d"}]})");
  };
  for (int chat = 1; chat <= 70; ++chat) {
    set(chat, "first");
  }

  set(1, "second");

  EXPECT_EQ(call(peer, "getMyCommands", R"({"scope":{"type":"chat","chat_id":1}})").get("result.0.command"), "second");
}

}  // namespace
}  // namespace soak::peers
