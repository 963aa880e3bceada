// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_PEERS_OPENAI_FIXTURE_H_
#define SOAK_TESTS_UNIT_PEERS_OPENAI_FIXTURE_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "lib/text/base64.h"
#include "soak/peers/openai_realtime_peer.h"
#include "tests/unit/peers/raw_client.h"

namespace soak::peers {

inline std::string append_event(std::size_t bytes) {
  std::string event = R"({"type":"input_audio_buffer.append","audio":")";
  text::append_base64(event, std::vector<std::byte>(bytes, std::byte{1}));
  return event + "\"}";
}

class OpenAiTest : public testing::Test {
 public:
  VirtualLoop loop_;

  // A session, session.created heard.
  Task<RawClient> enter(OpenAiRealtimePeer& peer) {
    std::string url = peer.url() + "?model=gpt-realtime";
    RawClient client = co_await dial(loop_, url);
    const Heard created = co_await client.hear();
    EXPECT_EQ(created.type(), "session.created");
    co_return client;
  }

  // Says each of `events` in a session of its own peer's, and returns what the last of them was answered.
  Heard answer_to(std::vector<std::string> events, OpenAiRealtimePeerOptions options = {}) {
    OpenAiRealtimePeer peer(loop_, std::move(options));
    return loop_.run([](OpenAiTest& test, OpenAiRealtimePeer& own, std::vector<std::string>& sayings) -> Task<Heard> {
      RawClient client = co_await test.enter(own);
      Heard heard;
      for (const std::string& saying : sayings) {
        heard = co_await client.ask(saying);
      }
      co_return heard;
    }(*this, peer, events));
  }
};

}  // namespace soak::peers

#endif  // SOAK_TESTS_UNIT_PEERS_OPENAI_FIXTURE_H_
