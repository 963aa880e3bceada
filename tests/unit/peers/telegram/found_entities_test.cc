// SPDX-License-Identifier: Apache-2.0
// The entities that Telegram finds by itself in a text.

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "lib/json/writer.h"
#include "lib/peers/telegram/formatted_text.h"
#include "tests/unit/peers/telegram/fixture.h"

namespace soak::peers {
namespace {

struct Found {
  const char* name;
  std::string text;
  std::string entities;  // "type=part", with spaces between; "_" is a space.
};
void PrintTo(const Found& found, std::ostream* out) { *out << found.text; }

std::string found_in(const FormattedText& body) {
  json::Writer json;
  write_entities(json, body.entities);
  const json::Document list(json.take());
  std::string all;
  for (rapidjson::SizeType i = 0; i < list.value().Size(); ++i) {
    const json::Value& entity = list.value()[i];
    // Only texts without characters above U+FFFF are here, so bytes are found by counting characters.
    std::size_t unit = 0;
    std::string part;
    const auto offset = static_cast<std::size_t>(json::integer_member(entity, "offset").value());
    const auto length = static_cast<std::size_t>(json::integer_member(entity, "length").value());
    for (const char c : body.text) {
      unit += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
      if (unit > offset && unit <= offset + length) {
        part += c;
      }
    }
    all.append(all.empty() ? "" : " ").append(json::text_member(entity, "type")).append("=").append(part);
  }
  return all;
}

class FoundEntitiesTest : public testing::TestWithParam<Found> {};

TEST_P(FoundEntitiesTest, AreThoseOfTheServer) {
  FormattedText body{GetParam().text, {}};

  add_found_entities(body);

  EXPECT_EQ(found_in(body), GetParam().entities);
}

INSTANTIATE_TEST_SUITE_P(
    All, FoundEntitiesTest,
    testing::Values(
        Found{"nothing", "soak 17 of conversation 3", ""}, Found{"command", "/start now", "bot_command=/start"},
        Found{"command_of_a_bot", "do /help@soak_bot, please", "bot_command=/help@soak_bot"},
        Found{"no_command", "a/b //c /d/e </f> /", ""}, Found{"mention", "hi @soak_bot!", "mention=@soak_bot"},
        Found{"short_mention", "@gif @abc @a", "mention=@gif"},
        Found{"no_mention", "a@soak_bot_of_mine @\xC3\xA4rger", ""},
        Found{"hashtag", "#news and #2026 and #a1, #\xC3\xA4rger", "hashtag=#news hashtag=#a1 hashtag=#\xC3\xA4rger"},
        Found{"no_hashtag", "a#b #c#d # e", ""}, Found{"cashtag", "$USD, $usd $ABCDEFGHI a$EUR $$B", "cashtag=$USD"},
        Found{"url", "see https://example.com/a?b=c#d.", "url=https://example.com/a?b=c#d"},
        Found{"url_without_a_scheme", "see example.com, example.py and main.cc",
              "url=example.com url=example.py url=main.cc"},
        Found{"no_url", "a.b node.js 1.5 v2.0 e.g. index.html ... .com com.", ""},
        Found{"url_with_a_port", "http://127.0.0.1:8080/x http://a.b:1", "url=http://127.0.0.1:8080/x"},
        Found{"other_scheme", "git://example.com mailto:a", ""},
        Found{"url_in_brackets", "(https://en.org/a_(b)) [example.com/c]",
              "url=https://en.org/a_(b) url=example.com/c"},
        Found{"url_with_a_mention", "https://example.com/@name #x", "url=https://example.com/@name hashtag=#x"},
        Found{"upper_case", "HTTPS://EXAMPLE.COM/A", "url=HTTPS://EXAMPLE.COM/A"},
        Found{"unicode_host", "m\xC3\xBCnchen.de!", "url=m\xC3\xBCnchen.de"},
        Found{"email", "to a.b+c@example.com.", "email=a.b+c@example.com"},
        Found{"two_urls", "a.com b.org/\nc.net?", "url=a.com url=b.org/ url=c.net"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(FoundEntitiesTest, AreNotLookedForInCodeAndLinks) {
  FormattedText code = parse_html("<code>/a</code> <pre>b.com</pre> <a href=\"c.com\">@mention</a> <b>see d.com</b>");

  add_found_entities(code);

  EXPECT_EQ(found_in(code), "code=/a pre=b.com text_link=@mention bold=see d.com url=d.com");
}

TEST(FoundEntitiesTest, CountInUtf16Units) {
  FormattedText body{"\xF0\x9F\x98\x80 #a", {}};

  add_found_entities(body);

  EXPECT_EQ(body.entities, (std::vector<MessageEntity>{{EntityType::kHashtag, 3, 2}}));
}

TEST_F(TelegramTest, ACommandOfAUserIsMarkedAndSoIsTheUrlOfABot) {
  TelegramPeer peer(loop_);

  peer.post_text(42, "/start now");
  EXPECT_EQ(ask("GET", url(peer, "getUpdates"), "").get("result.0.message.entities.0.type"), "bot_command");
  const Got sent = send(peer, "see example.com");
  EXPECT_EQ(sent.get("result.entities.0.type"), "url");
  EXPECT_EQ(sent.get("result.entities.0.offset"), "4");
}

}  // namespace
}  // namespace soak::peers
