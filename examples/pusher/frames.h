// SPDX-License-Identifier: Apache-2.0
#ifndef PUSHER_FRAMES_H_
#define PUSHER_FRAMES_H_

// The messages between listen and pusher: binary WebSocket messages whose first four bytes are the type, a
// little-endian 32-bit number.
//
//   type  payload                                                              from
//   100   none                                                                 listen, every 20 s
//   101   start time in seconds (8-byte double), then 16-bit little-endian PCM listen
//   102   JSON {segments: [object, ...], memory_id: string or null}            listen
//   103   conversation id                                                      listen
//   104   JSON, see Finalize                                                   listen
//   105   JSON {person_id, conversation_id, segment_ids: [string, ...]}        listen
//   201   JSON, see Finalized                                                  pusher
//   202   JSON {type: "audio_timeline_ack", version}                           pusher
//
// Everything here is pure: bytes in, values out, and back.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "pusher/frame_error.h"

namespace pusher {

enum class FrameType : std::uint32_t {
  kHeartbeat = 100,
  kAudio = 101,
  kTranscript = 102,
  kConversation = 103,
  kFinalize = 104,
  kSpeakerSample = 105,
  kFinalized = 201,
  kAudioTimelineAck = 202,
};

struct Heartbeat {
  friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
};

struct Audio {
  double start_seconds = 0;
  std::string pcm;  // An even number of bytes.
  friend bool operator==(const Audio&, const Audio&) = default;
};

struct Transcript {
  std::string segments_json;  // An array of objects, as JSON.
  std::size_t segments = 0;   // How many.
  std::string memory_id;      // Empty if null or absent.
  friend bool operator==(const Transcript&, const Transcript&) = default;
};

struct Conversation {
  std::string id;  // Not empty.
  friend bool operator==(const Conversation&, const Conversation&) = default;
};

// Asks for the end of a conversation to be processed. The work outlives the connection.
struct Finalize {
  std::string conversation_id;  // Not empty.
  std::string language = "en";
  std::string byok_keys_json = "null";  // The user's own keys, an object or null; secret, so never log it.
  std::string finalization_job_id;      // Empty if null or absent.
  std::int64_t dispatch_generation = 0;
  friend bool operator==(const Finalize&, const Finalize&) = default;
};

struct SpeakerSample {
  std::string person_id;
  std::string conversation_id;
  std::vector<std::string> segment_ids;
  // A sample with an empty field is valid, and ignored.
  bool complete() const { return !person_id.empty() && !conversation_id.empty() && !segment_ids.empty(); }
  friend bool operator==(const SpeakerSample&, const SpeakerSample&) = default;
};

// The answer to Finalize.
struct Finalized {
  std::string conversation_id;
  bool success = false;
  std::string error;      // Of a failure: "job_leased", or what happened.
  bool terminal = false;  // Asking again is of no use.
  bool fenced = false;    // A newer generation has taken the conversation over.
  std::int64_t dispatch_generation = 0;
  friend bool operator==(const Finalized&, const Finalized&) = default;
};

// Tells listen that this pusher knows the start times in frame 101.
struct AudioTimelineAck {
  std::int64_t version = 2;
  friend bool operator==(const AudioTimelineAck&, const AudioTimelineAck&) = default;
};

using ListenFrame = std::variant<Heartbeat, Audio, Transcript, Conversation, Finalize, SpeakerSample>;
using PusherFrame = std::variant<Finalized, AudioTimelineAck>;

// Throw FrameError: a short message, another type, text that is not UTF-8 or JSON, a field of the wrong type.
ListenFrame decode_listen_frame(std::string_view message);
PusherFrame decode_pusher_frame(std::string_view message);

std::string encode(const Heartbeat& frame);
std::string encode(const Audio& frame);
std::string encode(const Transcript& frame);
std::string encode(const Conversation& frame);
std::string encode(const Finalize& frame);
std::string encode(const SpeakerSample& frame);
std::string encode(const Finalized& frame);
std::string encode(const AudioTimelineAck& frame);

// The protocol allows these rates only.
inline constexpr std::uint32_t kSampleRateMin = 8000;
inline constexpr std::uint32_t kSampleRateMax = 48000;
// The rate in a query's value, such as "16000"; nullopt if it is no number or out of range.
std::optional<std::uint32_t> parse_sample_rate(std::string_view text);

}  // namespace pusher

#endif  // PUSHER_FRAMES_H_
