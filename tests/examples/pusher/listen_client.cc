// SPDX-License-Identifier: Apache-2.0
#include "tests/examples/pusher/listen_client.h"

#include <variant>

#include "pusher/options.h"
#include "soak/error.h"

namespace pusher::tests {

using std::chrono::seconds;

soak::Task<ListenClient> ListenClient::connect(soak::EventLoop& loop, std::string url, ListenOptions options) {
  std::string target = url + "/v1/trigger/listen?" + options.query;
  ListenClient client(loop, std::move(options));
  soak::Task<std::unique_ptr<soak::net::WebSocket>> connecting = soak::net::connect_websocket(loop, std::move(target));
  client.socket_ = co_await std::move(connecting);
  co_return std::move(client);
}

soak::Task<> ListenClient::send_audio(std::chrono::nanoseconds duration) {
  Audio audio;
  audio.start_seconds = std::chrono::duration<double>(loop_->elapsed()).count();
  audio.pcm.assign(audio_bytes(duration, options_.sample_rate), '\x01');
  audio_sent_ += audio.pcm.size();
  return send(audio);
}

soak::Task<> ListenClient::stream(std::chrono::nanoseconds duration) {
  const soak::Instant end = loop_->now() + duration;
  const Conversation conversation{options_.conversation};
  co_await send(conversation);
  std::chrono::nanoseconds sent{};
  std::chrono::nanoseconds transcript_at = seconds{1};
  std::chrono::nanoseconds sample_at = seconds{10};
  std::chrono::nanoseconds heartbeat_at = seconds{20};
  while (loop_->now() < end) {
    co_await send_audio(options_.frame);
    sent += options_.frame;
    if (sent >= transcript_at) {
      transcript_at += seconds{1};
      const Transcript transcript{R"([{"text":"hello","speaker":"SPEAKER_0"}])", 1, ""};
      co_await send(transcript);
    }
    if (sent >= sample_at) {
      sample_at += seconds{10};
      SpeakerSample sample;
      sample.person_id = "p1";
      sample.conversation_id = options_.conversation;
      sample.segment_ids.emplace_back("s1");
      co_await send(sample);
    }
    if (sent >= heartbeat_at) {
      heartbeat_at += seconds{20};
      const Heartbeat heartbeat;
      co_await send(heartbeat);
    }
    co_await soak::sleep_for(options_.frame);
  }
}

soak::Task<Finalized> ListenClient::finalized() {
  for (;;) {
    soak::net::Message message = co_await socket_->receive();
    PusherFrame frame = decode_pusher_frame(message.data);
    if (Finalized* answer = std::get_if<Finalized>(&frame)) {
      co_return std::move(*answer);
    }
  }
}

soak::Task<soak::net::CloseStatus> ListenClient::closed() {
  for (;;) {
    try {
      const soak::net::Message message = co_await socket_->receive();
    } catch (const soak::net::ConnectionClosed& closed) {
      co_return closed.status();
    }
  }
}

}  // namespace pusher::tests
