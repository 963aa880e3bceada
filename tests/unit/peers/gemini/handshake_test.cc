// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>

#include "tests/unit/peers/gemini/fixture.h"

namespace soak::peers {
namespace {

class GeminiHandshakeTest : public GeminiTest {
 public:
  // What a setup is answered at this URL with these headers, or the status the handshake is refused with.
  struct Answer {
    Heard first;
    int status = 101;
    std::string body;
  };

  Answer answer(std::string url, net::Headers headers) {
    Answer answer;
    loop_.run([](EventLoop& loop, Answer& out, std::string own_url, net::Headers& own_headers) -> Task<> {
      net::ConnectOptions options;
      options.headers = own_headers;
      try {
        std::unique_ptr<net::WebSocket> socket = co_await net::connect_websocket(loop, own_url, options);
        RawClient client(std::move(socket));
        std::string setup = setup_message();
        out.first = co_await client.ask(std::move(setup));
        co_await client.socket().close();
      } catch (const net::HandshakeRefused& refused) {
        out.status = refused.status();
        out.body = refused.body();
      }
      co_await sleep_for(1s);  // The peer hears of the end.
    }(loop_, answer, std::move(url), headers));
    return answer;
  }

  static net::Headers header(const std::string& name, const std::string& value) {
    net::Headers headers;
    headers.add(name, value);
    return headers;
  }
};

TEST_F(GeminiHandshakeTest, TakesTheKeyWhereEachSdkPutsIt) {
  const GeminiLivePeer peer(loop_, {.api_key = "right"});
  const std::string constrained =
      peer.base_url() + "/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContentConstrained";

  EXPECT_EQ(about(answer(peer.url(), header("x-goog-api-key", "right")).first), "setupComplete");
  EXPECT_EQ(about(answer(peer.url() + "?key=right", {}).first), "setupComplete");
  EXPECT_EQ(about(answer(constrained, header("Authorization", "Token right")).first), "setupComplete");
  EXPECT_EQ(about(answer(constrained + "?access_token=right", {}).first), "setupComplete");
  EXPECT_EQ(peer.ledger().auth_failures, 0u);
}

TEST_F(GeminiHandshakeTest, TakesThePathAfterABaseUrlThatEndsInASlash) {
  const GeminiLivePeer peer(loop_);
  const std::string path = peer.url().substr(peer.base_url().size());

  EXPECT_EQ(about(answer(peer.base_url() + "/" + path, header("x-goog-api-key", "any")).first), "setupComplete");
}

TEST_F(GeminiHandshakeTest, WrongKeyIsClosedAfterTheSetupWith1007) {
  const GeminiLivePeer peer(loop_, {.api_key = "right"});

  const Answer wrong = answer(peer.url(), header("x-goog-api-key", "wrong"));
  const Answer none = answer(peer.url(), {});

  for (const Answer* const got : {&wrong, &none}) {
    EXPECT_EQ(got->first.status().code, net::kCloseInvalidData);
    EXPECT_EQ(got->first.status().reason, "API key not valid. Please pass a valid API key.");
  }
  EXPECT_EQ(peer.ledger().auth_failures, 2u);
  EXPECT_EQ(peer.ledger().connections_refused, 2u);
  EXPECT_EQ(peer.ledger().sessions_opened, 0u);
}

TEST_F(GeminiHandshakeTest, WrongKeyGetsAStatusWhenAskedTo) {
  const GeminiLivePeer bad_request(loop_, {.api_key = "right", .bad_key = GeminiBadKeyAnswer::kHttp400});
  const GeminiLivePeer forbidden(loop_, {.api_key = "right", .bad_key = GeminiBadKeyAnswer::kHttp403});

  const Answer first = answer(bad_request.url(), header("x-goog-api-key", "wrong"));
  const Answer second = answer(forbidden.url(), header("x-goog-api-key", "wrong"));

  EXPECT_EQ(first.status, 400);
  EXPECT_EQ(first.body, R"({"error":{"code":400,"message":"API key not valid. Please pass a valid API key.",)"
                        R"("status":"INVALID_ARGUMENT"}})");
  EXPECT_EQ(second.status, 403);
  EXPECT_EQ(bad_request.ledger().connections_refused, 1u);
}

TEST_F(GeminiHandshakeTest, AnotherPathIsNotFound) {
  const GeminiLivePeer peer(loop_);

  for (const char* const path :
       {"/", "/v1/realtime", "/ws/google.ai.generativelanguage.v2.GenerativeService.BidiGenerateContent",
        "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent/more"}) {
    EXPECT_EQ(answer(peer.base_url() + path, header("x-goog-api-key", "any")).status, 404) << path;
  }
}

}  // namespace
}  // namespace soak::peers
