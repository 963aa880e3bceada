// SPDX-License-Identifier: Apache-2.0
#include "pusher/frames.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <utility>

#include "pusher/json_object.h"

namespace pusher {
namespace {

constexpr std::size_t kTypeBytes = 4;
constexpr std::size_t kStartBytes = 8;

template <typename Unsigned>
void append_little_endian(std::string& out, Unsigned value) {
  for (std::size_t i = 0; i < sizeof(Unsigned); ++i) {
    out.push_back(static_cast<char>((value >> (8 * i)) & 0xFFU));
  }
}

template <typename Unsigned>
Unsigned read_little_endian(std::string_view bytes) {
  Unsigned value = 0;
  for (std::size_t i = 0; i < sizeof(Unsigned); ++i) {
    value |= static_cast<Unsigned>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return value;
}

std::string frame_of(FrameType type, std::string_view payload) {
  std::string frame;
  frame.reserve(kTypeBytes + payload.size());
  append_little_endian(frame, static_cast<std::uint32_t>(type));
  frame.append(payload);
  return frame;
}

struct Parts {
  std::uint32_t type;
  std::string_view payload;
};

Parts parts_of(std::string_view message) {
  if (message.size() < kTypeBytes) {
    throw FrameError(fmt::format("a message of {} bytes, expected a type of 4 bytes and its payload", message.size()));
  }
  return {read_little_endian<std::uint32_t>(message), message.substr(kTypeBytes)};
}

Audio decode_audio(std::string_view payload) {
  if (payload.size() < kStartBytes) {
    throw FrameError(fmt::format("frame 101 of {} bytes, expected at least 12", payload.size() + kTypeBytes));
  }
  Audio audio;
  audio.start_seconds = std::bit_cast<double>(read_little_endian<std::uint64_t>(payload));
  if (!std::isfinite(audio.start_seconds)) {
    throw FrameError("frame 101: the start time is not finite");
  }
  audio.pcm = payload.substr(kStartBytes);
  if (audio.pcm.size() % 2 != 0) {
    throw FrameError(fmt::format("frame 101: {} bytes of PCM, expected samples of 2 bytes", audio.pcm.size()));
  }
  return audio;
}

Transcript decode_transcript(std::string_view payload) {
  const JsonObject json("frame 102", payload);
  const rapidjson::Value& segments = json.array("segments");
  for (const rapidjson::Value& segment : segments.GetArray()) {
    if (!segment.IsObject()) {
      json.wrong("segments", "objects only");
    }
  }
  return {to_json(segments), segments.Size(), json.text_or_null("memory_id")};
}

Conversation decode_conversation(std::string_view payload) {
  if (payload.empty() || !is_utf8(payload)) {
    throw FrameError("frame 103: expected a conversation id in UTF-8");
  }
  return {std::string(payload)};
}

Finalize decode_finalize(std::string_view payload) {
  const JsonObject json("frame 104", payload);
  Finalize finalize;
  finalize.conversation_id = json.text("conversation_id");
  if (finalize.conversation_id.empty()) {
    json.wrong("conversation_id", "a string that is not empty");
  }
  finalize.language = json.text_or_null("language", "en");
  if (const rapidjson::Value* keys = json.find("byok_keys"); keys != nullptr && !keys->IsNull()) {
    if (!keys->IsObject()) {
      json.wrong("byok_keys", "an object or null");
    }
    finalize.byok_keys_json = to_json(*keys);
  }
  finalize.finalization_job_id = json.text_or_null("finalization_job_id");
  finalize.dispatch_generation = json.integer("dispatch_generation", 0);
  if (json.integer("finalization_result_protocol", 2) != 2) {
    json.wrong("finalization_result_protocol", "2");
  }
  return finalize;
}

SpeakerSample decode_speaker_sample(std::string_view payload) {
  const JsonObject json("frame 105", payload);
  SpeakerSample sample{json.text("person_id"), json.text("conversation_id"), {}};
  for (const rapidjson::Value& id : json.array("segment_ids").GetArray()) {
    if (!id.IsString()) {
      json.wrong("segment_ids", "strings only");
    }
    sample.segment_ids.emplace_back(id.GetString(), id.GetStringLength());
  }
  return sample;
}

}  // namespace

ListenFrame decode_listen_frame(std::string_view message) {
  const auto [type, payload] = parts_of(message);
  switch (static_cast<FrameType>(type)) {
    case FrameType::kHeartbeat:
      return Heartbeat{};
    case FrameType::kAudio:
      return decode_audio(payload);
    case FrameType::kTranscript:
      return decode_transcript(payload);
    case FrameType::kConversation:
      return decode_conversation(payload);
    case FrameType::kFinalize:
      return decode_finalize(payload);
    case FrameType::kSpeakerSample:
      return decode_speaker_sample(payload);
    case FrameType::kFinalized:
    case FrameType::kAudioTimelineAck:
      break;
  }
  throw FrameError(fmt::format("a frame of type {}, expected 100 to 105", type));
}

PusherFrame decode_pusher_frame(std::string_view message) {
  const auto [type, payload] = parts_of(message);
  if (type == static_cast<std::uint32_t>(FrameType::kFinalized)) {
    const JsonObject json("frame 201", payload);
    Finalized finalized;
    finalized.conversation_id = json.text("conversation_id");
    finalized.success = json.flag("success");
    finalized.error = json.text_or_null("error");
    finalized.terminal = json.flag("terminal");
    finalized.fenced = json.flag("fenced");
    finalized.dispatch_generation = json.integer("dispatch_generation", 0);
    return finalized;
  }
  if (type == static_cast<std::uint32_t>(FrameType::kAudioTimelineAck)) {
    const JsonObject json("frame 202", payload);
    if (json.text("type") != "audio_timeline_ack") {
      json.wrong("type", "\"audio_timeline_ack\"");
    }
    return AudioTimelineAck{json.integer("version", 0)};
  }
  throw FrameError(fmt::format("a frame of type {}, expected 201 or 202", type));
}

std::string encode(const Heartbeat& /*frame*/) { return frame_of(FrameType::kHeartbeat, {}); }

std::string encode(const Audio& frame) {
  std::string out;
  out.reserve(kTypeBytes + kStartBytes + frame.pcm.size());
  append_little_endian(out, static_cast<std::uint32_t>(FrameType::kAudio));
  append_little_endian(out, std::bit_cast<std::uint64_t>(frame.start_seconds));
  out.append(frame.pcm);
  return out;
}

std::string encode(const Transcript& frame) {
  JsonObjectWriter json;
  json.raw("segments", frame.segments_json, rapidjson::kArrayType);
  if (frame.memory_id.empty()) {
    json.key("memory_id").Null();
  } else {
    json.text("memory_id", frame.memory_id);
  }
  return frame_of(FrameType::kTranscript, json.take());
}

std::string encode(const Conversation& frame) { return frame_of(FrameType::kConversation, frame.id); }

std::string encode(const Finalize& frame) {
  JsonObjectWriter json;
  json.text("conversation_id", frame.conversation_id);
  json.text("language", frame.language);
  json.raw("byok_keys", frame.byok_keys_json, rapidjson::kObjectType);
  json.text("finalization_job_id", frame.finalization_job_id);
  json.key("dispatch_generation").Int64(frame.dispatch_generation);
  json.key("finalization_result_protocol").Int(2);
  return frame_of(FrameType::kFinalize, json.take());
}

std::string encode(const SpeakerSample& frame) {
  JsonObjectWriter json;
  json.text("person_id", frame.person_id);
  json.text("conversation_id", frame.conversation_id);
  JsonObjectWriter::Writer& ids = json.key("segment_ids");
  ids.StartArray();
  for (const std::string& id : frame.segment_ids) {
    ids.String(id.data(), static_cast<rapidjson::SizeType>(id.size()));
  }
  ids.EndArray();
  return frame_of(FrameType::kSpeakerSample, json.take());
}

std::string encode(const Finalized& frame) {
  JsonObjectWriter json;
  json.text("conversation_id", frame.conversation_id);
  if (frame.success) {
    json.key("success").Bool(true);
  } else {
    json.text("error", frame.error);
  }
  json.key("terminal").Bool(frame.terminal);
  json.key("fenced").Bool(frame.fenced);
  json.key("dispatch_generation").Int64(frame.dispatch_generation);
  return frame_of(FrameType::kFinalized, json.take());
}

std::string encode(const AudioTimelineAck& frame) {
  JsonObjectWriter json;
  json.text("type", "audio_timeline_ack");
  json.key("version").Int64(frame.version);
  return frame_of(FrameType::kAudioTimelineAck, json.take());
}

std::optional<std::uint32_t> parse_sample_rate(std::string_view text) {
  std::uint32_t rate = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rate);
  if (error != std::errc() || end != text.data() + text.size() || rate < kSampleRateMin || rate > kSampleRateMax) {
    return std::nullopt;
  }
  return rate;
}

}  // namespace pusher
