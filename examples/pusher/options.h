// SPDX-License-Identifier: Apache-2.0
#ifndef PUSHER_OPTIONS_H_
#define PUSHER_OPTIONS_H_

// Every constant of the service, in one place.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

namespace pusher {

struct Limits {
  // The connection.
  std::chrono::nanoseconds receive_timeout = std::chrono::minutes{5};  // Without any message: close 1011.
  std::chrono::nanoseconds drain_timeout = std::chrono::seconds{30};   // For workers to flush once it has ended.
  std::chrono::nanoseconds drain_grace = std::chrono::seconds{5};      // For those still running then, once cancelled.
  std::chrono::nanoseconds close_timeout = std::chrono::seconds{5};    // For the client to reply to our close.
  std::size_t message_bytes_max = std::size_t{4} << 20;                // A longer message: close 1009.
  std::size_t sessions_max = 4000;                                     // One more is closed with 1013.

  // All queues and buffers of one session together.
  std::size_t session_bytes_max = std::size_t{20} << 20;

  // Private cloud: audio becomes chunks, and chunks wait for their upload by conversation.
  std::chrono::nanoseconds cloud_interval = std::chrono::seconds{1};
  std::chrono::nanoseconds cloud_chunk = std::chrono::seconds{60};      // Of audio.
  std::chrono::nanoseconds cloud_batch_age = std::chrono::seconds{60};  // Of a conversation's oldest chunk.
  std::size_t cloud_tries = 3;
  std::size_t cloud_queue = 20;          // Chunks.
  std::size_t cloud_conversations = 20;  // That wait for an upload.

  // Transcripts.
  std::chrono::nanoseconds transcript_interval = std::chrono::seconds{1};
  std::size_t transcript_queue = 50;
  std::size_t integrations_at_once = 50;  // Requests to integrations, of all sessions together.

  // Speaker samples. Once the session ends, no sample is too young.
  std::chrono::nanoseconds speaker_interval = std::chrono::seconds{15};
  std::chrono::nanoseconds speaker_age = std::chrono::minutes{2};
  std::size_t speaker_queue = 100;

  // Audio for the user's app and webhook.
  std::chrono::nanoseconds audio_app = std::chrono::seconds{4};  // More than this much audio triggers the app.
  std::size_t audio_bytes_queue = 20;

  // Finalisation jobs of the process.
  std::size_t jobs_max = 1000;    // Running and remembered.
  std::size_t jobs_at_once = 32;  // Running against the store.
  std::size_t job_tries = 3;
  std::chrono::nanoseconds job_retry_interval = std::chrono::seconds{1};
  std::chrono::nanoseconds answer_timeout = std::chrono::seconds{5};  // For a client to take its answer.
};
static_assert(std::is_trivially_destructible_v<Limits>);

// What a user has switched on. The service has it from its database; here every user has the same.
struct UserSettings {
  bool private_cloud = true;
  bool audio_app = true;
  std::chrono::nanoseconds audio_webhook = std::chrono::seconds{5};  // Of audio per call; 0 for none.
  bool transcript_webhook = true;
  std::size_t integrations = 50;
};

struct StoreOptions {
  StoreOptions() {}  // NOLINT(modernize-use-equals-default): no aggregate, for g++ 12, see soak/task.h.

  std::string url;                                              // "http://127.0.0.1:8080"
  std::chrono::nanoseconds timeout = std::chrono::seconds{60};  // Of one request.
  std::size_t connections_max = 128;
  std::string ca_file;  // For https: only; empty for the system's.
};

struct PusherOptions {
  PusherOptions() {}  // NOLINT(modernize-use-equals-default): as above.

  std::string host = "127.0.0.1";
  std::uint16_t port = 0;         // 0 picks a free port.
  std::uint16_t health_port = 0;  // /metrics, /healthz and /readyz
  StoreOptions stores;
  Limits limits;
  UserSettings user;
};

// How many bytes of 16-bit PCM that much audio has.
constexpr std::size_t audio_bytes(std::chrono::nanoseconds duration, std::uint32_t sample_rate) {
  using Micros = std::chrono::microseconds;
  const auto micros = static_cast<std::uint64_t>(std::chrono::duration_cast<Micros>(duration).count());
  return static_cast<std::size_t>(micros * sample_rate / 1'000'000) * 2;
}

}  // namespace pusher

#endif  // PUSHER_OPTIONS_H_
