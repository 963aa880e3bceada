// SPDX-License-Identifier: Apache-2.0
#ifndef PUSHER_LISTEN_CLIENT_MESSAGES_H_
#define PUSHER_LISTEN_CLIENT_MESSAGES_H_

// The messages between a client and listen, and between listen and speech to text. Pure.
//
// A client sends audio as binary messages: 16-bit little-endian PCM; with two channels after one byte, which is the
// channel, 0 or 1. Its text messages are JSON:
//   {type: "image_chunk", id, index, total, data}             a part of a photo, in base64 or any other text
//   {type: "speaker_assigned", person_id, segment_ids: [..]}  the user has said who speaks
// It receives the text "ping", and JSON:
//   {type: "service_status", status}  "initiating", "processing", "stt_initiating", "ready", "stt_unavailable"
//   {type: "segments", segments: [..]}
//
// Speech to text receives PCM as binary messages and {type: "finish"}, and sends {segments: [{id, speaker, start, end,
// text}, ...]}.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "pusher/frame_error.h"

namespace pusher::listen {

struct ImageChunk {
  std::string id;
  std::int64_t index = 0;
  std::int64_t total = 0;
  std::string data;
};

struct SpeakerAssigned {
  std::string person_id;
  std::vector<std::string> segment_ids;
};

using ClientMessage = std::variant<ImageChunk, SpeakerAssigned>;

// Throws pusher::FrameError.
ClientMessage decode_client_message(std::string_view text);

std::string service_status(std::string_view status);

struct SpeechSegment {
  std::string id;
  std::string speaker;
  double start = 0;  // Seconds of audio that speech to text has had.
  double end = 0;
  std::string json;
};

// Throws pusher::FrameError.
std::vector<SpeechSegment> decode_segments(std::string_view text);
std::string encode_segments(const std::vector<SpeechSegment>& segments);

// The ids in {"ids": ["..."]}; none in an empty text. Throws pusher::FrameError.
std::vector<std::string> decode_ids(std::string_view text);

}  // namespace pusher::listen

#endif  // PUSHER_LISTEN_CLIENT_MESSAGES_H_
