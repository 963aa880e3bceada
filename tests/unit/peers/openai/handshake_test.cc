// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/peers/openai/fixture.h"

namespace soak::peers {
namespace {

class OpenAiHandshakeTest : public OpenAiTest {
 public:
  // What a connection is answered: its first event and the close after it, or the status it is refused with.
  struct Answer {
    Heard first;
    Heard second;
    int status = 101;
    std::string body;
    std::string subprotocol;
  };

  Answer answer(OpenAiRealtimePeer& peer, std::string query, std::string key, std::vector<std::string> protocols = {},
                net::Headers headers = {}) {
    Answer answer;
    loop_.run([](EventLoop& loop, Answer& out, std::string url, std::string own_key,
                 std::vector<std::string> own_protocols, net::Headers own_headers) -> Task<> {
      try {
        RawClient client = co_await dial(loop, url, own_key, own_protocols, own_headers);
        out.subprotocol = client.socket().subprotocol();
        out.first = co_await client.hear();
        if (out.first.type() == "error") {
          out.second = co_await client.hear();
        }
      } catch (const net::HandshakeRefused& refused) {
        out.status = refused.status();
        out.body = refused.body();
      }
    }(loop_, answer, peer.url() + query, std::move(key), std::move(protocols), std::move(headers)));
    return answer;
  }
};

TEST_F(OpenAiHandshakeTest, BearerKeyAndModelGetSessionCreated) {
  OpenAiRealtimePeer peer(loop_);

  const Answer got = answer(peer, "?model=gpt-realtime-2", "sk-any");

  EXPECT_EQ(got.first.type(), "session.created");
  EXPECT_EQ(got.first.get("session.model"), "gpt-realtime-2");
  EXPECT_EQ(peer.ledger().sessions_opened, 1u);
  EXPECT_EQ(peer.ledger().refused_handshakes, 0u);
}

TEST_F(OpenAiHandshakeTest, SessionCreatedHasTheWholeDefaultConfig) {
  OpenAiRealtimePeer peer(loop_);

  const Heard created = answer(peer, "?model=gpt-realtime", "sk-any").first;

  EXPECT_THAT(created.get("event_id"), testing::MatchesRegex("event_[0-9A-Za-z]{21}"));
  EXPECT_THAT(created.get("session.id"), testing::MatchesRegex("sess_[0-9A-Za-z]{21}"));
  EXPECT_EQ(created.get("session.object"), "realtime.session");
  EXPECT_EQ(created.get("session.type"), "realtime");
  EXPECT_EQ(created.get("session.output_modalities"), R"(["audio"])");
  EXPECT_EQ(created.get("session.tools"), "[]");
  EXPECT_EQ(created.get("session.tool_choice"), "auto");
  EXPECT_EQ(created.get("session.max_output_tokens"), "inf");
  EXPECT_EQ(created.get("session.tracing"), "null");
  EXPECT_EQ(created.get("session.truncation"), "auto");
  EXPECT_EQ(created.get("session.prompt"), "null");
  EXPECT_EQ(created.get("session.include"), "null");
  EXPECT_EQ(created.get("session.audio.input"),
            R"({"format":{"type":"audio/pcm","rate":24000},"transcription":null,"noise_reduction":null,)"
            R"("turn_detection":{"type":"server_vad","threshold":0.5,"prefix_padding_ms":300,)"
            R"("silence_duration_ms":200,"idle_timeout_ms":null,"create_response":true,"interrupt_response":true}})");
  EXPECT_EQ(created.get("session.audio.output.format"), R"({"type":"audio/pcm","rate":24000})");
  EXPECT_EQ(created.get("session.audio.output.voice"), "alloy");
  EXPECT_EQ(std::stod(created.get("session.audio.output.speed")), 1.0);
}

TEST_F(OpenAiHandshakeTest, SessionExpiresAnHourAfterTheLoopsWallClock) {
  OpenAiRealtimePeer peer(loop_);
  loop_.run([]() -> Task<> { co_await sleep_for(90s); }());

  const Heard created = answer(peer, "?model=gpt-realtime", "sk-any").first;

  const auto now = std::chrono::floor<std::chrono::seconds>(loop_.wall_now()).time_since_epoch();
  EXPECT_EQ(created.get("session.expires_at"), std::to_string((now + 1h).count()));
}

TEST_F(OpenAiHandshakeTest, SidebandHearsSessionUpdatedFirst) {
  OpenAiRealtimePeer peer(loop_);

  EXPECT_EQ(answer(peer, "?call_id=rtc_1", "sk-any").first.type(), "session.updated");
}

TEST_F(OpenAiHandshakeTest, TakesTheKeyFromTheSubprotocol) {
  OpenAiRealtimePeer peer(loop_, {.api_key = "sk-right"});

  const Answer got = answer(peer, "?model=m", "", {"realtime", "openai-insecure-api-key.sk-right"});

  EXPECT_EQ(got.first.type(), "session.created");
  EXPECT_EQ(got.subprotocol, "realtime");
}

TEST_F(OpenAiHandshakeTest, WrongKeyGetsAnErrorEventAndClose3000) {
  OpenAiRealtimePeer peer(loop_, {.api_key = "sk-right-and-long-enough"});

  const Answer got = answer(peer, "?model=m", "sk-wrong-and-long-enough");

  EXPECT_EQ(got.status, 101);
  EXPECT_EQ(got.first.get("error.type"), "invalid_request_error");
  EXPECT_EQ(got.first.get("error.code"), "invalid_api_key");
  EXPECT_EQ(got.first.get("error.message"), "Incorrect API key provided: sk-w***.");
  EXPECT_EQ(got.first.get("error.param"), "null");
  EXPECT_EQ(got.first.get("error.event_id"), "null");
  EXPECT_EQ(got.second.status().code, 3000);
  EXPECT_EQ(got.second.status().reason, "invalid_request_error.invalid_api_key");
  EXPECT_EQ(peer.ledger().sessions_opened, 0u);
  EXPECT_EQ(peer.ledger().refused_handshakes, 1u);
  EXPECT_EQ(peer.ledger().auth_failures, 1u);
}

TEST_F(OpenAiHandshakeTest, WrongKeyGetsStatus401WhenAskedTo) {
  OpenAiRealtimePeer peer(loop_, {.api_key = "sk-right", .bad_key = BadKeyAnswer::kHttp401});

  const Answer got = answer(peer, "?model=m", "sk-x");

  EXPECT_EQ(got.status, 401);
  EXPECT_EQ(got.body, R"({"error":{"type":"invalid_request_error","code":"invalid_api_key",)"
                      R"("message":"Incorrect API key provided: ***.","param":null}})");
  EXPECT_EQ(peer.ledger().auth_failures, 1u);
}

TEST_F(OpenAiHandshakeTest, MissingKeyIsRefusedInBothShapes) {
  OpenAiRealtimePeer by_event(loop_);
  OpenAiRealtimePeer by_status(loop_, {.bad_key = BadKeyAnswer::kHttp401});

  const Answer event = answer(by_event, "?model=m", "");
  const Answer status = answer(by_status, "?model=m", "");

  EXPECT_EQ(event.first.get("error.code"), "null");
  EXPECT_EQ(event.first.get("error.message"), "Missing bearer or basic authentication in header");
  EXPECT_EQ(event.second.status().code, 3000);
  EXPECT_EQ(status.status, 401);
  EXPECT_THAT(status.body, testing::HasSubstr("Missing bearer"));
}

TEST_F(OpenAiHandshakeTest, KeyInBothPlacesIsRefused) {
  OpenAiRealtimePeer by_status(loop_);
  OpenAiRealtimePeer by_event(loop_, {.both_keys_status = 0});
  const std::vector<std::string> protocols = {"realtime", "openai-insecure-api-key.sk-a"};

  const Answer status = answer(by_status, "?model=m", "sk-a", protocols);
  const Answer event = answer(by_event, "?model=m", "sk-a", protocols);

  EXPECT_EQ(status.status, 400);
  EXPECT_THAT(status.body, testing::HasSubstr("only one of them"));
  EXPECT_EQ(event.first.type(), "error");
  EXPECT_EQ(event.second.status().code, 3000);
}

TEST_F(OpenAiHandshakeTest, MissingModelGetsAnErrorEventAndClose4000) {
  OpenAiRealtimePeer peer(loop_);

  const Answer got = answer(peer, "", "sk-any");

  EXPECT_EQ(got.first.get("error.code"), "missing_model");
  EXPECT_EQ(got.second.status().code, 4000);
  EXPECT_EQ(got.second.status().reason, "invalid_request_error.missing_model");
  EXPECT_EQ(peer.ledger().refused_handshakes, 1u);
  EXPECT_EQ(peer.ledger().auth_failures, 0u);
}

TEST_F(OpenAiHandshakeTest, BetaIsRefusedByErrorEventAndClose4000) {
  OpenAiRealtimePeer peer(loop_);

  const Answer by_header = answer(peer, "?model=m", "sk-any", {}, {{"OpenAI-Beta", "realtime=v1"}});
  const Answer by_subprotocol =
      answer(peer, "?model=m", "", {"realtime", "openai-insecure-api-key.sk-any", "openai-beta.realtime-v1"});

  for (const Answer* const got : {&by_header, &by_subprotocol}) {
    EXPECT_EQ(got->status, 101);
    EXPECT_EQ(got->first.get("error.type"), "invalid_request_error");
    EXPECT_EQ(got->first.get("error.code"), "beta_api_shape_disabled");
    EXPECT_THAT(got->first.get("error.message"), testing::HasSubstr("/v1/realtime for the GA API."));
    EXPECT_EQ(got->second.status().code, 4000);
    EXPECT_EQ(got->second.status().reason, "invalid_request_error.beta_api_shape_disabled");
  }
  EXPECT_EQ(peer.ledger().beta_refusals, 2u);
  EXPECT_EQ(peer.ledger().refused_handshakes, 2u);
  EXPECT_EQ(peer.ledger().auth_failures, 0u);
  EXPECT_EQ(peer.ledger().sessions_opened, 0u);
}

TEST_F(OpenAiHandshakeTest, AnotherBetaHeaderIsNoneOfItsBusiness) {
  OpenAiRealtimePeer peer(loop_);

  EXPECT_EQ(answer(peer, "?model=m", "sk-any", {}, {{"OpenAI-Beta", "assistants=v2"}}).first.type(), "session.created");
}

TEST_F(OpenAiHandshakeTest, AnotherPathIsNotFound) {
  OpenAiRealtimePeer peer(loop_);

  EXPECT_EQ(answer(peer, "/more?model=m", "sk-any").status, 404);
}

// The header is none that libwebsockets knows by itself.
TEST(OpenAiHandshakeOverLoopbackTest, BetaIsRefused) {
  UvLoop loop;
  OpenAiRealtimePeer peer(loop);
  const net::Headers headers{{"OpenAI-Beta", "realtime=v1"}};
  const Heard end = loop.run([](EventLoop& own, OpenAiRealtimePeer& own_peer, net::Headers beta) -> Task<Heard> {
    std::string url = own_peer.url() + "?model=m";
    std::string key = "sk-any";
    RawClient client = co_await dial(own, url, key, {}, beta);
    const std::vector<Heard> heard = co_await client.hear_until("(end)");
    co_return Heard(heard.back().status());
  }(loop, peer, headers));

  EXPECT_EQ(end.status().code, 4000);
  EXPECT_EQ(peer.ledger().beta_refusals, 1u);
}

}  // namespace
}  // namespace soak::peers
