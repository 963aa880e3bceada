// SPDX-License-Identifier: Apache-2.0
#include "soak/peers/telegram_peer.h"

#include <ostream>

#include "tests/unit/peers/telegram/fixture.h"

namespace soak::peers {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(TelegramTest, SendMessageIsAnsweredWithTheMessage) {
  TelegramPeer peer(loop_);

  const Got got = send(peer, "soak 1");

  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.header("content-type"), "application/json");
  EXPECT_EQ(got.body, R"({"ok":true,"result":{"message_id":1,"from":{"id":7,"is_bot":true,"first_name":"Soak",)"
                      R"("username":"soak_bot"},"chat":{"id":42,"first_name":"User 42","type":"private"},)"
                      R"("date":1767225600,"text":"soak 1"}})");
  EXPECT_EQ(peer.ledger().messages_stored, 1u);
  EXPECT_THAT(peer.ledger().findings, IsEmpty());
}

TEST_F(TelegramTest, TakesArgumentsFromQueryFormMultipartAndJson) {
  TelegramPeer peer(loop_);
  const std::string multipart =
      "--xx\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n42\r\n"
      "--xx\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\na b\r\n--xx--\r\n";

  const std::vector<Got> answers = {
      ask("GET", url(peer, "sendMessage?chat_id=42&text=a%20b")),
      ask("POST", url(peer, "SENDMESSAGE"), "chat_id=42&text=a+b",
          {{"Content-Type", "application/x-www-form-urlencoded"}}),
      ask("POST", url(peer, "sendmessage"), multipart, {{"Content-Type", "multipart/form-data; boundary=\"xx\""}}),
      ask("POST", url(peer, "sendMessage"), R"({"chat_id":"42","text":"a b"})", {{"Content-Type", "application/json"}}),
      ask("POST", url(peer, "test/sendMessage"), R"({"chat_id":42,"text":"a b"})",
          {{"Content-Type", "application/json; charset=utf-8"}}),
  };

  for (const Got& got : answers) {
    EXPECT_EQ(got.status, 200);
    EXPECT_EQ(got.get("result.text"), "a b");
    EXPECT_EQ(got.get("result.chat.id"), "42");
  }
}

TEST_F(TelegramTest, GetMeNamesTheBotOfTheToken) {
  TelegramPeer peer(loop_);

  const Got got = ask("GET", url(peer, "getMe"));

  EXPECT_EQ(got.body, R"({"ok":true,"result":{"id":7,"is_bot":true,"first_name":"Soak","username":"soak_bot",)"
                      R"("can_join_groups":true,"can_read_all_group_messages":false,"supports_inline_queries":false,)"
                      R"("can_connect_to_business":false,"has_main_web_app":false}})");
}

TEST_F(TelegramTest, GroupsAndNamesAreOtherKindsOfChat) {
  TelegramPeer peer(loop_);

  EXPECT_EQ(send(peer, "a", -5).get("result.chat.type"), "group");
  EXPECT_EQ(send(peer, "a", -1001234567890).get("result.chat.type"), "supergroup");
  const Got named = ask("GET", url(peer, "sendMessage?chat_id=@news&text=a"));
  EXPECT_EQ(named.get("result.chat.username"), "news");
}

struct BadRequest {
  const char* name;
  std::string path;
  std::string body;
  int status;
  const char* description;
};
void PrintTo(const BadRequest& bad, std::ostream* out) { *out << bad.name; }

class TelegramBadRequestTest : public TelegramTest, public testing::WithParamInterface<BadRequest> {};

TEST_P(TelegramBadRequestTest, IsRefusedInTheWordsOfTheServer) {
  TelegramPeer peer(loop_, {.token = kToken});

  const Got got = ask("POST", peer.url() + GetParam().path, GetParam().body, {{"Content-Type", "application/json"}});

  EXPECT_EQ(got.status, GetParam().status);
  EXPECT_EQ(got.body, R"({"ok":false,"error_code":)" + std::to_string(GetParam().status) + R"(,"description":")" +
                          GetParam().description + "\"}");
  EXPECT_EQ(got.header("retry-after"), "(absent)");
  EXPECT_EQ(peer.ledger().messages_stored, 0u);
}

INSTANTIATE_TEST_SUITE_P(
    All, TelegramBadRequestTest,
    testing::Values(
        BadRequest{"no_chat", "/bot7:secret/sendMessage", R"({"text":"a"})", 400, "Bad Request: chat_id is empty"},
        BadRequest{"chat_zero", "/bot7:secret/sendMessage", R"({"chat_id":0,"text":"a"})", 400,
                   "Bad Request: chat not found"},
        BadRequest{"chat_word", "/bot7:secret/sendMessage", R"({"chat_id":"news","text":"a"})", 400,
                   "Bad Request: chat not found"},
        BadRequest{"no_text", "/bot7:secret/sendMessage", R"({"chat_id":1})", 400,
                   "Bad Request: message text is empty"},
        BadRequest{"blank_text", "/bot7:secret/sendMessage", R"({"chat_id":1,"text":" \n"})", 400,
                   "Bad Request: message text is empty"},
        BadRequest{"long_text", "/bot7:secret/sendMessage", R"({"chat_id":1,"text":")" + std::string(4097, 'a') + "\"}",
                   400, "Bad Request: message is too long"},
        BadRequest{"not_utf8", "/bot7:secret/sendMessage", "{\"chat_id\":1,\"text\":\"\xc3(\"}", 400,
                   "Bad Request: strings must be encoded in UTF-8"},
        BadRequest{"chat_not_utf8", "/bot7:secret/sendMessage", "{\"chat_id\":\"@\xc3(\",\"text\":\"a\"}", 400,
                   "Bad Request: strings must be encoded in UTF-8"},
        BadRequest{"parse_mode", "/bot7:secret/sendMessage", R"({"chat_id":1,"text":"a","parse_mode":"tex"})", 400,
                   "Bad Request: unsupported parse_mode"},
        BadRequest{"reply_markup", "/bot7:secret/sendMessage", R"({"chat_id":1,"text":"a","reply_markup":"[1]"})", 400,
                   "Bad Request: can't parse reply keyboard markup JSON object"},
        BadRequest{"not_json", "/bot7:secret/sendMessage", "{", 400, "Bad Request: can't parse the request body"},
        BadRequest{"dead_token", "/bot7:other/sendMessage", R"({"chat_id":1,"text":"a"})", 401, "Unauthorized"},
        BadRequest{"malformed_token", "/botsecret/sendMessage", R"({"chat_id":1,"text":"a"})", 404, "Not Found"},
        BadRequest{"token_with_a_zero", "/bot07:secret/getMe", "", 404, "Not Found"},
        BadRequest{"token_too_long", "/bot7:" + std::string(79, 'a') + "/getMe", "", 404, "Not Found"},
        BadRequest{"token_of_a_big_number", "/bot18014398509481984:secret/getMe", "", 404, "Not Found"},
        BadRequest{"not_under_bot", "/sendMessage", "{}", 404, "Not Found"},
        BadRequest{"no_method", "/bot7:secret/", "{}", 404, "Not Found"},
        BadRequest{"unknown_method", "/bot7:secret/sendLove", "{}", 404, "Not Found: method not found"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(TelegramTest, OtherMethodsOfHttpAreNotAllowed) {
  TelegramPeer peer(loop_);

  EXPECT_EQ(ask("PUT", url(peer, "getMe")).status, 405);
}

TEST_F(TelegramTest, AMalformedTokenCanBeAnsweredAsTheOpenServerDoes) {
  TelegramPeer peer(loop_, {.malformed_token_status = 401});

  EXPECT_EQ(ask("GET", url(peer, "getMe", "x")).body,
            R"({"ok":false,"error_code":401,"description":"Unauthorized: invalid token specified"})");
}

TEST_F(TelegramTest, LengthIsCountedInUtf16UnitsOrInCharacters) {
  TelegramPeer units(loop_);
  TelegramPeer characters(loop_, {.length_in_utf16 = false});
  std::string text;
  for (int i = 0; i < 2049; ++i) {
    text += "\xf0\x9f\x98\x80";  // Two units each.
  }

  EXPECT_EQ(send(units, text).status, 400);
  EXPECT_EQ(send(characters, text).status, 200);
  EXPECT_EQ(send(units, text.substr(4)).status, 200);
}

TEST_F(TelegramTest, AChatIsItsNumberHoweverThatIsWritten) {
  TelegramPeer peer(loop_);

  const Got got = ask("GET", url(peer, "sendMessage?chat_id=0042&text=a"));
  send(peer, "b", 42);

  EXPECT_EQ(got.get("result.chat.id"), "42");
  EXPECT_EQ(peer.ledger().conversations, 1u);
}

TEST_F(TelegramTest, OnlyTheChatsOfTheOptionExist) {
  TelegramPeer peer(loop_, {.chats = {"42"}});

  EXPECT_EQ(send(peer, "a", 42).status, 200);
  EXPECT_EQ(send(peer, "a", 43).get("description"), "Bad Request: chat not found");
}

TEST_F(TelegramTest, AChatHasItsBurstThenOneASecond) {
  TelegramPeer peer(loop_);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(send(peer, std::to_string(i)).status, 200);
  }

  const Got limited = send(peer, "5");
  const Got elsewhere = send(peer, "0", 43);
  pass(1s);
  const Got again = send(peer, "5");

  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.header("retry-after"), "1");
  EXPECT_EQ(limited.body, R"({"ok":false,"error_code":429,"description":"Too Many Requests: retry after 1",)"
                          R"("parameters":{"retry_after":1}})");
  EXPECT_EQ(elsewhere.status, 200);
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(peer.ledger().rate_limited, 1u);
  EXPECT_THAT(peer.ledger().findings, IsEmpty());
}

TEST_F(TelegramTest, AGroupHasTwentyAMinute) {
  TelegramPeer peer(loop_);
  int stored = 0;
  Got got;
  for (; stored < 100; ++stored) {
    got = send(peer, std::to_string(stored), -5);
    if (got.status != 200) {
      break;
    }
    pass(1s);
  }

  // Twenty, and what came back within half a minute.
  EXPECT_EQ(got.status, 429);
  EXPECT_GE(stored, 20);
  EXPECT_LE(stored, 30);
}

TEST_F(TelegramTest, AllChatsTogetherHaveThirtyASecondAndAllAreTurnedAway) {
  TelegramPeer peer(loop_);
  for (int chat = 1; chat <= 30; ++chat) {
    EXPECT_EQ(send(peer, "1", chat).status, 200);
  }

  EXPECT_EQ(send(peer, "1", 31).status, 429);
  EXPECT_EQ(send(peer, "2", 1).status, 429);  // Though its own bucket has room.
  pass(1s);
  EXPECT_EQ(send(peer, "1", 31).status, 200);
}

TEST_F(TelegramTest, WithoutLimitsNothingIsPaced) {
  TelegramPeer peer(loop_, {.limits = {.on = false}});

  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(send(peer, std::to_string(i)).status, 200);
  }
  EXPECT_EQ(peer.ledger().messages_stored, 500u);
}

TEST_F(TelegramTest, GetUpdatesGivesWhatIsNotConfirmed) {
  TelegramPeer peer(loop_);
  peer.post_text(42, "one");
  peer.post_text(42, "two");

  const Got first = ask("GET", url(peer, "getUpdates?limit=1"));
  const Got both = ask("GET", url(peer, "getUpdates"));
  const Got second = ask("GET", url(peer, "getUpdates?offset=2"));
  const Got none = ask("GET", url(peer, "getUpdates?offset=3"));

  EXPECT_EQ(first.get("result.0.message.text"), "one");
  EXPECT_EQ(first.get("result.1"), "(absent)");
  EXPECT_EQ(both.get("result.1.message.text"), "two");
  EXPECT_EQ(second.get("result.0.update_id"), "2");
  EXPECT_EQ(second.get("result.1"), "(absent)");
  EXPECT_EQ(none.body, R"({"ok":true,"result":[]})");
  EXPECT_EQ(peer.ledger().polls, 4u);
}

// A poll for which the client has a minute.
Task<Got> poll(EventLoop& loop, std::string url) {
  net::HttpClientOptions options;
  options.timeout = 400s;
  net::HttpClient client(loop, options);
  net::HttpRequest request("GET", url);
  net::HttpResponse response = co_await client.send(std::move(request));
  Got got;
  got.status = response.status;
  got.body = response.body;
  co_return got;
}

TEST_F(TelegramTest, ALongPollEndsWithTheFirstUpdateOrAfterFiftySeconds) {
  TelegramPeer peer(loop_);
  const std::string long_poll = url(peer, "getUpdates?timeout=300");
  const auto begin = loop_.now();
  const Got empty = loop_.run(poll(loop_, long_poll));
  const auto waited = loop_.now() - begin;

  Got woken;
  Instant woken_at;
  loop_.run([](TelegramPeer& own, EventLoop& loop, std::string address, Got& into, Instant& at) -> Task<> {
    co_await with_group({}, [&](TaskGroup& group) -> Task<> {
      group.start(
          "poster",
          [](TelegramPeer& poster) -> Task<> {
            co_await sleep_for(7s);
            poster.post_text(42, "hello");
          }(own),
          TaskKind::kFinite);
      into = co_await poll(loop, address);
      at = loop.now();
    });
  }(peer, loop_, long_poll, woken, woken_at));

  EXPECT_EQ(empty.body, R"({"ok":true,"result":[]})");
  EXPECT_GE(waited, 50s);
  EXPECT_LT(waited, 51s);
  EXPECT_EQ(woken.get("result.0.message.text"), "hello");
  EXPECT_GE(woken_at - begin - waited, 7s);
  EXPECT_LT(woken_at - begin - waited, 8s);
}

TEST_F(TelegramTest, ASecondPollEndsTheFirstWith409) {
  TelegramPeer peer(loop_);

  const std::vector<Got> answers = ask_together({net::HttpRequest("GET", url(peer, "getUpdates?timeout=10")),
                                                 net::HttpRequest("GET", url(peer, "getUpdates?timeout=1"))});

  EXPECT_EQ(answers[0].status, 409);
  EXPECT_EQ(answers[0].get("description"),
            "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running");
  EXPECT_EQ(answers[1].status, 200);
}

TEST_F(TelegramTest, PollsSufferFaultsOfTheirOwn) {
  faults_.on_poll(1, {.kind = ChannelFaultKind::kConflict});
  faults_.on_poll(2, {.kind = ChannelFaultKind::kNeverAnswer, .lasts = 1h});
  faults_.on_poll(3, {.kind = ChannelFaultKind::kBadGateway});
  TelegramPeer peer(loop_, {.faults = &faults_});

  const auto begin = loop_.now();
  const Got conflict = ask("GET", url(peer, "getUpdates"));
  const auto late = loop_.now() - begin;
  const Got nothing = ask("GET", url(peer, "getUpdates"));
  const Got proxy = ask("GET", url(peer, "getUpdates"));
  const Got well = ask("GET", url(peer, "getUpdates"));

  EXPECT_EQ(conflict.status, 409);
  EXPECT_GE(late, 3s);
  EXPECT_EQ(nothing.status, 0);
  EXPECT_TRUE(nothing.may_have_arrived);
  EXPECT_EQ(proxy.status, 502);
  EXPECT_THAT(proxy.body, HasSubstr("<html>"));
  EXPECT_EQ(well.status, 200);
  EXPECT_EQ(faults_.played(ChannelFaultKind::kNeverAnswer), 1u);
}

TEST_F(TelegramTest, ARotatedTokenIsRefusedAndTheNewOneIsValid) {
  std::string told;
  faults_.on_send(2, {.kind = ChannelFaultKind::kRotate});
  TelegramPeer peer(
      loop_, {.token = kToken, .faults = &faults_, .on_rotation = [&](const std::string& token) { told = token; }});
  EXPECT_EQ(send(peer, "1").status, 200);

  const Got refused = send(peer, "2");
  const Got with_new = send(peer, "2", 42, peer.valid_token());

  EXPECT_EQ(refused.body, R"({"ok":false,"error_code":401,"description":"Unauthorized"})");
  EXPECT_EQ(with_new.status, 200);
  EXPECT_EQ(told, peer.valid_token());
  EXPECT_THAT(told, testing::MatchesRegex("7:[-A-Za-z0-9_]{35}"));
  EXPECT_EQ(peer.ledger().rotations, 1u);
  EXPECT_EQ(peer.ledger().rotation_refusals, 1u);
  EXPECT_EQ(peer.ledger().credential_failures, 0u);
}

TEST_F(TelegramTest, AMigratedChatHasANewId) {
  faults_.on_send(1, {.kind = ChannelFaultKind::kMigrate});
  TelegramPeer peer(loop_, {.faults = &faults_});

  const Got told = send(peer, "1", -5);
  const Got again = send(peer, "1", -5);
  const Got there = send(peer, "1", -1005);

  EXPECT_EQ(told.body, R"({"ok":false,"error_code":400,"description":)"
                       R"("Bad Request: group chat was upgraded to a supergroup chat",)"
                       R"("parameters":{"migrate_to_chat_id":-1005}})");
  EXPECT_EQ(again.body, told.body);
  EXPECT_EQ(there.status, 200);
  EXPECT_EQ(faults_.played(ChannelFaultKind::kMigrate), 1u);
}

TEST_F(TelegramTest, ABlockedChatStaysSoAndNoOtherOne) {
  faults_.on_send(1, {.kind = ChannelFaultKind::kBlock});
  TelegramPeer peer(loop_, {.faults = &faults_});

  EXPECT_EQ(send(peer, "1").body,
            R"({"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"})");
  EXPECT_EQ(send(peer, "1").status, 403);
  EXPECT_EQ(send(peer, "1", 43).status, 200);
}

TEST_F(TelegramTest, TheSameSeedMakesTheSameToken) {
  TelegramPeer first(loop_, {.seed = 7, .token = kToken});
  TelegramPeer second(loop_, {.seed = 7, .token = kToken});
  TelegramPeer other(loop_, {.seed = 8, .token = kToken});
  first.rotate_token();
  second.rotate_token();
  other.rotate_token();

  EXPECT_EQ(first.valid_token(), second.valid_token());
  EXPECT_NE(first.valid_token(), other.valid_token());
}

TEST_F(TelegramTest, OptionsThatMakeNoSenseAreRefused) {
  EXPECT_THROW(TelegramPeer(loop_, {.malformed_token_status = 500}), Error);
  EXPECT_THROW(TelegramPeer(loop_, {.limits = {.burst = 0}}), Error);
  EXPECT_THROW(TelegramPeer(loop_, {.ledger = {.key_of = nullptr}}), Error);
  EXPECT_THROW(TelegramPeer(loop_, {.ledger = {.keys_kept = 0}}), Error);
}

TEST_F(TelegramTest, ClosedItTakesNothing) {
  TelegramPeer peer(loop_);
  EXPECT_EQ(send(peer, "1").status, 200);

  loop_.run(peer.close());

  EXPECT_EQ(send(peer, "2").status, 0);
  EXPECT_EQ(peer.ledger().messages_stored, 1u);
}

}  // namespace
}  // namespace soak::peers
