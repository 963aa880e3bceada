// SPDX-License-Identifier: Apache-2.0
#ifndef PUSHER_LISTEN_OPTIONS_H_
#define PUSHER_LISTEN_OPTIONS_H_

// Every constant of the listen service, in one place.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include "pusher/options.h"

namespace pusher::listen {

// The link to the pusher.
struct LinkLimits {
  // After a loss: this many attempts, after 1, 2, 4, ... seconds, each times a factor from the jitter.
  std::size_t reconnect_attempts = 6;
  std::chrono::nanoseconds backoff_base = std::chrono::seconds{1};
  std::chrono::nanoseconds backoff_max = std::chrono::seconds{60};
  double jitter_min = 0.75;
  double jitter_max = 1.25;
  // Then the link is degraded for this long, and one probe decides whether it connects or stays so.
  std::chrono::nanoseconds degraded = std::chrono::seconds{60};
  // A connection that lasts this long starts the attempts over.
  std::chrono::nanoseconds stable_after = std::chrono::seconds{10};

  std::chrono::nanoseconds connect_timeout = std::chrono::seconds{10};
  std::chrono::nanoseconds ack_timeout = std::chrono::seconds{4};  // For the pusher's audio_timeline_ack.
  std::chrono::nanoseconds close_timeout = std::chrono::seconds{5};
  std::chrono::nanoseconds heartbeat = std::chrono::seconds{20};
  std::chrono::nanoseconds flush_interval = std::chrono::seconds{1};
  std::chrono::nanoseconds audio_gap = std::chrono::milliseconds{1};  // A longer one starts a new frame.
  std::size_t audio_frame_bytes_max = std::size_t{1} << 20;           // The pusher refuses messages over 4 MiB.
  std::size_t transcript_segments_max = 100;                          // In one frame.

  // What waits while the pusher is away. The oldest is dropped.
  std::size_t segments = 1000;
  std::size_t audio_bytes = std::size_t{10} << 20;
  std::size_t samples = 50;

  // Conversations whose end the pusher has not confirmed.
  std::size_t pending = 100;
  std::chrono::nanoseconds pending_timeout = std::chrono::seconds{120};  // Then it is sent again,
  std::size_t pending_retries = 3;                                       // that often,
  std::chrono::nanoseconds pending_cooldown = std::chrono::minutes{5};   // and after this all over again.
};
static_assert(std::is_trivially_destructible_v<LinkLimits>);

struct Limits {
  // The connection of the client.
  std::chrono::nanoseconds receive_timeout = std::chrono::minutes{5};       // Without any message: close 1011.
  std::chrono::nanoseconds heartbeat = std::chrono::seconds{10};            // The text "ping".
  std::chrono::nanoseconds audio_silence = std::chrono::seconds{90};        // Without audio: close 1001.
  std::chrono::nanoseconds client_send_timeout = std::chrono::seconds{10};  // For a client to read: close 1008.
  std::chrono::nanoseconds drain_timeout = std::chrono::seconds{30};
  std::chrono::nanoseconds drain_grace = std::chrono::seconds{5};
  std::chrono::nanoseconds close_timeout = std::chrono::seconds{5};
  std::size_t message_bytes_max = std::size_t{1} << 20;
  std::size_t sessions_max = 4000;
  std::chrono::nanoseconds user_timeout = std::chrono::seconds{10};  // To look the user up.

  std::chrono::nanoseconds usage_interval = std::chrono::seconds{60};
  std::chrono::nanoseconds mix_block = std::chrono::milliseconds{100};

  // Speech to text.
  std::chrono::nanoseconds speech_connect_timeout = std::chrono::seconds{10};
  std::chrono::nanoseconds speech_ping = std::chrono::seconds{20};   // And for its pong.
  std::chrono::nanoseconds speech_finish = std::chrono::seconds{5};  // For its last segments.
  std::size_t speech_queue = 300;                                    // Blocks of the mix, the oldest dropped.

  // A conversation ends after this much silence; a client may ask for another value within the bounds.
  std::chrono::nanoseconds conversation_silence = std::chrono::minutes{2};
  std::chrono::nanoseconds conversation_silence_min = std::chrono::minutes{2};
  std::chrono::nanoseconds conversation_silence_max = std::chrono::hours{4};
  std::chrono::nanoseconds conversation_check = std::chrono::seconds{5};
  std::chrono::nanoseconds pending_check = std::chrono::seconds{5};  // Whether those of before are all answered.

  // Speaker identification.
  std::size_t speaker_queue = 100;                                  // Segments, the oldest dropped.
  std::chrono::nanoseconds speaker_ring = std::chrono::minutes{1};  // Of audio, kept if the user has known speakers.

  // Photos, which come in chunks.
  std::size_t photos = 100;      // Complete, the oldest dropped.
  std::size_t image_parts = 50;  // Images of which chunks are missing, the oldest dropped.
  std::chrono::nanoseconds image_part_age = std::chrono::seconds{60};
  std::size_t image_bytes_max = std::size_t{4} << 20;
  std::chrono::nanoseconds photo_interval = std::chrono::seconds{1};

  LinkLimits link;
};
static_assert(std::is_trivially_destructible_v<Limits>);

struct ListenOptions {
  ListenOptions() {}  // NOLINT(modernize-use-equals-default): no aggregate, for g++ 12, see soak/task.h.

  std::string host = "127.0.0.1";
  std::uint16_t port = 0;         // 0 picks a free port.
  std::uint16_t health_port = 0;  // /metrics, /healthz and /readyz
  std::string pusher_url;         // "ws://127.0.0.1:8081"
  std::string speech_url;         // "ws://127.0.0.1:8090"
  pusher::StoreOptions stores;
  Limits limits;
};

}  // namespace pusher::listen

#endif  // PUSHER_LISTEN_OPTIONS_H_
