// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_VOICE_PARROT_H_
#define SOAK_VOICE_PARROT_H_

// A client of the Parrot API: binary messages are audio, the text "end" ends a turn, and the answer is what was said.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "soak/event_loop.h"
#include "soak/net/websocket.h"
#include "soak/task.h"
#include "soak/voice/client.h"

namespace soak::voice {

struct ParrotOptions {
  std::string url = "wss://parrot.example/v1";
  std::string api_key = "soak";  // A secret: never printed.
  std::string ca_file = {};      // For wss: the CAs to trust instead of the system's, a PEM file.
  AudioSink on_audio = {};
};

class ParrotClient : public Client {
 public:
  static constexpr int kInputRateHz = 16'000;
  static constexpr int kOutputRateHz = 16'000;

  ParrotClient(EventLoop& loop, ParrotOptions options);
  ~ParrotClient() override;

  std::string_view provider() const override { return "parrot"; }
  int input_rate_hz() const override { return kInputRateHz; }
  Task<> connect() override;
  Task<> send_audio(std::span<const std::byte> pcm) override;
  Task<> end_turn() override;
  Task<> close() override;
  const ClientCounters& counters() const override { return counters_; }
  const std::string& last_error() const override { return last_error_; }

 private:
  Task<> receive();

  EventLoop& loop_;
  ParrotOptions options_;
  ClientCounters counters_;
  std::string last_error_;
  std::unique_ptr<net::WebSocket> socket_;
  TaskGroup tasks_;
};

}  // namespace soak::voice

#endif  // SOAK_VOICE_PARROT_H_
