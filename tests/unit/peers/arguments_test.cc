// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/arguments.h"

#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/peers/discord/service.h"
#include "lib/peers/slack/service.h"
#include "lib/peers/telegram/service.h"
#include "tests/unit/peers/raw_client.h"

namespace soak::peers {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(ArgumentsTest, ReadsFormsPercentAndPlus) {
  Arguments arguments;
  arguments.add_form("a=1&b=x%20y+z&&empty=&bare&%61%62=%c3%a4&half=%4&bad=%zz");

  EXPECT_EQ(arguments.text("a"), "1");
  EXPECT_EQ(arguments.text("b"), "x y z");
  EXPECT_TRUE(arguments.contains("empty"));
  EXPECT_TRUE(arguments.contains("bare"));
  EXPECT_EQ(arguments.text("ab"), "\xc3\xa4");
  EXPECT_EQ(arguments.text("half"), "%4");
  EXPECT_EQ(arguments.text("bad"), "%zz");
  EXPECT_FALSE(arguments.contains("c"));
}

TEST(ArgumentsTest, ReadsJsonAndKeepsItsKinds) {
  JsonParser parser;
  Arguments arguments;
  arguments.add_json(parser, R"({"text":"a","number":-5,"yes":true,"list":[1,{"b":2}],"object":{},"none":null})");

  EXPECT_EQ(arguments.find("text")->kind, Argument::Kind::kText);
  EXPECT_EQ(arguments.find("number")->value, "-5");
  EXPECT_EQ(arguments.find("number")->kind, Argument::Kind::kNumber);
  EXPECT_TRUE(arguments.truth("yes"));
  EXPECT_FALSE(arguments.truth("text"));
  EXPECT_TRUE(arguments.truth("absent", true));
  EXPECT_EQ(arguments.find("list")->value, R"([1,{"b":2}])");
  EXPECT_EQ(array_size(parser, arguments.text("list")), 2u);
  EXPECT_EQ(array_size(parser, arguments.text("text")), std::nullopt);
  EXPECT_EQ(array_size(parser, R"([],"b":[1)"), std::nullopt);
  EXPECT_TRUE(is_object(parser, arguments.text("object")));
  EXPECT_FALSE(arguments.contains("none"));
  EXPECT_THROW(arguments.add_json(parser, "[1]"), Refusal);
}

TEST(ArgumentsTest, ReadsMultipartWithItsFiles) {
  Arguments arguments;
  const bool read = arguments.add_multipart(
      "preamble\r\n--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n2\r\n--b\r\ncontent-disposition: "
      "form-data; name=f; filename=\"x.txt\"\r\nContent-Type: text/plain\r\n\r\n\r\n--b--\r\n",
      "b");

  EXPECT_TRUE(read);
  EXPECT_EQ(arguments.text("a"), "1\r\n2");
  EXPECT_FALSE(arguments.find("a")->is_file);
  EXPECT_TRUE(arguments.find("f")->is_file);
  EXPECT_EQ(arguments.text("f"), "");
}

TEST(ArgumentsTest, RefusesMultipartThatIsNone) {
  for (const char* const body : {"", "--b", "--b\r\n", "--b\r\n\r\n\r\n--b--", "--b\r\nA: b\r\n\r\nx\r\n--b--",
                                 "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n--b--",
                                 "--b\r\nContent-Disposition: form-data; name=a\r\n\r\nx"}) {
    EXPECT_FALSE(Arguments().add_multipart(body, "b")) << body;
  }
  EXPECT_FALSE(Arguments().add_multipart("----", ""));
}

TEST(ArgumentsTest, ReadsTheContentType) {
  const ContentType json = content_type({{"content-type", "Application/JSON; Charset=\"UTF-8\""}});
  const ContentType multipart = content_type({{"Content-Type", "multipart/form-data; boundary=a-B"}});

  EXPECT_EQ(json.type, BodyType::kJson);
  EXPECT_EQ(json.charset, "utf-8");
  EXPECT_EQ(multipart.type, BodyType::kMultipart);
  EXPECT_EQ(multipart.boundary, "a-B");
  EXPECT_EQ(content_type({{"Content-Type", "application/x-www-form-urlencoded"}}).type, BodyType::kForm);
  EXPECT_EQ(content_type({{"Content-Type", "text/plain"}}).type, BodyType::kOther);
  EXPECT_EQ(content_type({}).type, BodyType::kNone);
}

TEST(ArgumentsTest, TakesAPathApart) {
  EXPECT_THAT(path_segments("/bot1%3Aa/sendMessage"), ElementsAre("bot1:a", "sendMessage"));
  EXPECT_THAT(path_segments("/a/"), ElementsAre("a", ""));
  EXPECT_THAT(path_segments("//"), ElementsAre("", ""));
  EXPECT_THAT(path_segments(""), IsEmpty());
}

// Requests that are nearly good: pieces of good ones, with bytes changed, cut and doubled. Whatever comes of it, the
// answer is one of the provider's, and the ledger has counted it.
class HostileRequests {
 public:
  explicit HostileRequests(std::vector<net::HttpServerRequest> good) : good_(std::move(good)) {}

  net::HttpServerRequest next() {
    net::HttpServerRequest request = good_[draw(good_.size())];
    const net::HttpServerRequest other = good_[draw(good_.size())];
    if (draw(4) == 0) {
      request.body = other.body;
    }
    if (draw(4) == 0) {
      request.headers = other.headers;
    }
    for (std::uint64_t changes = draw(4); changes > 0; --changes) {
      change(draw(3) == 0 ? request.path : request.body);
    }
    if (draw(8) == 0) {
      change(request.query);
    }
    if (!request.path.starts_with('/')) {
      request.path.insert(0, "/");
    }
    return request;
  }

 private:
  std::uint64_t draw(std::uint64_t below) { return random_() % below; }
  void change(std::string& text) {
    const std::size_t at = draw(text.size() + 1);
    switch (draw(4)) {
      case 0:
        text.resize(at);
        break;
      case 1:
        text.insert(at, 1, static_cast<char>(draw(256)));
        break;
      case 2:
        text.insert(at, text.substr(at / 2, 40));
        break;
      default:
        if (at < text.size()) {
          text[at] = static_cast<char>(draw(256));
        }
    }
  }

  std::vector<net::HttpServerRequest> good_;
  std::mt19937_64 random_{7};
};

net::HttpServerRequest request_of(std::string path, std::string body, std::string type, std::string query = {}) {
  net::HttpServerRequest request;
  request.method = "POST";
  request.path = std::move(path);
  request.query = std::move(query);
  request.body = std::move(body);
  request.headers = {{"Content-Type", std::move(type)},
                     {"Authorization", "Bearer xoxb-1"},
                     {"User-Agent", "DiscordBot (https://example.com, 1)"}};
  return request;
}

constexpr const char* kMultipart = "multipart/form-data; boundary=b";
constexpr const char* kForm = "application/x-www-form-urlencoded";
constexpr int kHostileRequests = 20'000;

TEST(HostileRequestsTest, TelegramAnswersThemAll) {
  VirtualLoop loop;
  TelegramService service(loop, {.limits = {.on = false}}, 1);
  HostileRequests requests(
      {request_of("/bot7:a/sendMessage", R"({"chat_id":42,"text":"soak 1","reply_markup":{"a":[1]}})",
                  "application/json"),
       request_of("/bot7:a/sendMessage", "chat_id=-5&text=a%20b", kForm, "parse_mode=HTML"),
       request_of("/bot7:a/test/getUpdates", R"({"offset":-1,"limit":5,"timeout":0})", "application/json"),
       request_of("/bot7:a/getMe", "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--", kMultipart)});

  std::set<int> statuses;
  for (int i = 0; i < kHostileRequests; ++i) {
    net::HttpServerRequest request = requests.next();
    statuses.insert(loop.run(service.answer(std::move(request))).response.status);
  }

  EXPECT_THAT(statuses, ElementsAre(200, 400, 404));
  EXPECT_EQ(service.ledger().requests, static_cast<std::uint64_t>(kHostileRequests));
}

TEST(HostileRequestsTest, SlackAnswersThemAll) {
  VirtualLoop loop;
  SlackService service(loop, {.limits = {.on = false}}, 1);
  HostileRequests requests(
      {request_of("/api/chat.postMessage", R"({"channel":"C1","text":"soak 1","blocks":[{}]})", "application/json"),
       request_of("/api/chat.postMessage", "channel=C1&text=a&attachments=%5B%5D", kForm),
       request_of("/api/api.test", "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--", kMultipart),
       request_of("/api/oauth.v2.access", "client_id=1&client_secret=2&grant_type=refresh_token&refresh_token=3",
                  kForm),
       request_of(service.webhook_path(), R"({"text":"soak 1"})", "application/json"),
       request_of(service.webhook_path(), "payload=%7B%22text%22%3A%22a%22%7D", kForm)});

  std::set<int> statuses;
  for (int i = 0; i < kHostileRequests; ++i) {
    statuses.insert(service.answer(requests.next()).response.status);
  }

  EXPECT_THAT(statuses, ElementsAre(200, 400, 404));
  EXPECT_EQ(service.ledger().requests, static_cast<std::uint64_t>(kHostileRequests));
}

TEST(HostileRequestsTest, DiscordAnswersThemAll) {
  VirtualLoop loop;
  DiscordService service(loop, {.limits = {.on = false}}, 1);
  net::HttpServerRequest bot = request_of("/api/v10/channels/222/messages",
                                          R"({"content":"a","nonce":5,"enforce_nonce":true})", "application/json");
  bot.headers.set("Authorization", "Bot a");
  HostileRequests requests(
      {bot, request_of("/api/v10" + service.webhook_path(), R"({"content":"a","embeds":[{}]})", "application/json"),
       request_of("/api/v10" + service.webhook_path(), "content=a+b", kForm, "wait=true"),
       request_of("/api/v10" + service.webhook_path(),
                  "--b\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n\r\n{\"content\":\"a\"}\r\n--b--",
                  kMultipart)});

  std::set<int> statuses;
  for (int i = 0; i < kHostileRequests; ++i) {
    statuses.insert(service.answer(requests.next()).response.status);
  }

  EXPECT_THAT(statuses, ElementsAre(200, 204, 400, 401, 404, 405));
  EXPECT_EQ(service.ledger().requests, static_cast<std::uint64_t>(kHostileRequests));
}

}  // namespace
}  // namespace soak::peers
