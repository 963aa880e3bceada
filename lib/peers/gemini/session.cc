// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/gemini/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "lib/json/reader.h"
#include "lib/json/writer.h"
#include "lib/peers/gemini/admission.h"
#include "lib/text/base64.h"
#include "lib/text/number.h"

namespace soak::peers::gemini {
namespace {

constexpr std::uint16_t kInvalidArgument = net::kCloseInvalidData;  // 1007
constexpr std::uint16_t kPolicy = 1008;
constexpr std::uint16_t kInternal = 1011;

// 1007's text for a bad payload (github.com/yagudaev/voiceclaw/issues/397). What is wrong follows it here.
constexpr std::string_view kInvalidText = "Request contains an invalid argument.";

// What the service says of a name that no field has: that of its HTTP API, which reads the same protocol buffers
// (github.com/zed-industries/zed/issues/44875).
std::string unknown_name_text(const std::string& path) {
  const std::size_t dot = path.rfind('.');
  const std::string name = dot == std::string::npos ? path : path.substr(dot + 1);
  const std::string at = dot == std::string::npos ? std::string() : fmt::format(" at '{}'", path.substr(0, dot));
  return fmt::format("Invalid JSON payload received. Unknown name \"{}\"{}: Cannot find field.", name, at);
}

// The member of `object` that is there, of those of which exactly one must be.
struct Only {
  std::string_view name;
  Field field;
};

Only only_one(const Field& object, std::initializer_list<std::string_view> members) {
  object.object(members);
  std::optional<Only> found;
  std::size_t count = 0;
  for (const std::string_view member : members) {
    auto field = object.find(member);
    if (!field) {
      continue;
    }
    ++count;
    if (!found) {
      found = Only{member, *std::move(field)};
    }
  }
  if (count == 1) {
    return *std::move(found);
  }
  throw Refusal{"invalid_value",
                fmt::format("Invalid {}: expected exactly one of {}, but got {}.",
                            object.path().empty() ? "message" : "'" + object.path() + "'", quoted_list(members), count),
                object.path()};
}

[[noreturn]] void refuse_value(const Field& field, std::string_view expected) {
  throw Refusal{"invalid_value", fmt::format("Invalid '{}': expected {}.", field.path(), expected), field.path()};
}

// The rate of "audio/pcm;rate=16000"; 16000 without one, as the documentation has it.
int pcm_rate(const Field& mime_type) {
  constexpr std::string_view kPcm = "audio/pcm";
  constexpr std::string_view kRate = ";rate=";
  std::string text(mime_type.string());
  std::erase(text, ' ');
  if (text == kPcm) {
    return 16000;
  }
  int rate = 0;
  if (text.starts_with(std::string(kPcm) + std::string(kRate))) {
    rate = text::parse_number<int>(std::string_view(text).substr(kPcm.size() + kRate.size())).value_or(0);
  }
  if (rate <= 0) {
    refuse_value(mime_type, "audio/pcm;rate=<samples a second>");
  }
  return rate;
}

}  // namespace

Session::~Session() {
  if (stored_) {
    service_.sessions.disconnected(stored_, connection_);
  }
}

void Session::handle(net::Message message, Reply& reply) {
  ++service_.ledger.messages_received;
  ++messages_;
  reply_ = &reply;
  name_ = {};
  try {
    if (!message.is_text() && !service_.options.accept_binary_frames) {
      throw Ending{kInvalidArgument, "Binary frames are not supported: send each message as one text frame."};
    }
    dispatch(Field(service_.parser.parse(message.data), {}, Spelling::kProto));
  } catch (const Refusal& refusal) {
    reply.ending = Ending{kInvalidArgument, refusal_text(refusal)};
  } catch (const Ending& ending) {
    reply.ending = ending;
  }
  if (reply.ending) {
    if (stored_) {
      ++service_.ledger.messages_refused;
    }
    service_.ledger.last_refusal = reply.ending->reason;
  }
  auto& counts = service_.ledger.messages_by_type;
  auto count = counts.find(name_);
  if (count == counts.end()) {
    count = counts.emplace(name_, 0).first;
  }
  ++count->second;
  reply_ = nullptr;
}

std::string Session::refusal_text(const Refusal& refusal) {
  if (refusal.code != "unknown_parameter") {
    return fmt::format("{} {}", kInvalidText, refusal.message);
  }
  service_.notices.unknown(refusal.param);
  return unknown_name_text(refusal.param);
}

void Session::dispatch(const Field& message) {
  const Only content = only_one(message, {"setup", "clientContent", "realtimeInput", "toolResponse"});
  name_ = content.name;
  // The service's text, as its users report it.
  if ((name_ == "setup") == is_open()) {
    throw Ending{kInvalidArgument, "setup must be the first message and only the first"};
  }
  if (name_ == "setup") {
    set_up(content.field);
  } else if (name_ == "realtimeInput") {
    take_realtime_input(content.field);
  } else if (name_ == "clientContent") {
    take_content(content.field);
  } else {
    take_tool_response(content.field);
  }
}

// The setup

void Session::set_up(const Field& setup) {
  if (bad_key_) {
    throw Ending{kInvalidArgument, std::string(kBadKeyText)};
  }
  setup_ = read_own_setup(setup);
  const auto& models = service_.options.models;
  if (!models.empty() && std::find(models.begin(), models.end(), setup_.model) == models.end()) {
    throw Ending{kPolicy, fmt::format("{} is not found for API version v1beta, or is not supported for "
                                      "bidiGenerateContent. Call ListModels to see the list of available models and "
                                      "their supported methods.",
                                      excerpt(setup_.model))};
  }
  GeminiLiveLedger& ledger = service_.ledger;
  if (service_.options.sessions_max > 0 && ledger.sessions_open >= service_.options.sessions_max) {
    throw Ending{kInternal,
                 "RESOURCE_EXHAUSTED: You exceeded your current quota, please check your plan and billing details."};
  }
  if (setup_.handle.empty()) {
    stored_ = service_.sessions.begin(setup_.model);
  } else {
    resume();
  }
  service_.sessions.connected(*stored_, connection_);
  ++ledger.sessions_opened;
  ++ledger.sessions_open;
  opened_.set();
  seeding_ = setup_.seeds_history && setup_.handle.empty();
  reply_->messages.emplace_back(R"({"setupComplete":{}})");
}

std::string Session::first_handle() {
  const bool due = setup_.resumption && !turn_ && answers_due_ == 0;
  return due ? resumption_update() : std::string();
}

// A token that has a setup puts it in place of the client's, but for the handle of a session to resume
// (github.com/googleapis/js-genai, src/tokens.ts, without lockAdditionalFields).
Setup Session::read_own_setup(const Field& setup) {
  AuthToken* const token = service_.auth_tokens.find(token_, service_.loop.now());
  Setup read;
  if (token == nullptr || token->setup.empty()) {
    read = read_setup(setup);
    note_not_played(setup, service_.notices);
  } else {
    const json::Document document(token->setup);
    const Field own(document.value(), "setup", Spelling::kProto);
    read = read_setup(own);
    note_not_played(own, service_.notices);
    const auto resumption = setup.object().find("sessionResumption");
    const auto handle = resumption ? resumption->object().find("handle") : std::nullopt;
    if (handle) {
      read.handle = handle->string();
    }
  }
  if (token_.empty() || !read.handle.empty()) {
    return read;  // Resuming a session is no use of a token.
  }
  const bool usable =
      token != nullptr && service_.loop.now() < token->new_session_until && (token->unlimited || token->uses_left > 0);
  if (!usable) {
    throw Ending{kInvalidArgument, std::string(kBadKeyText)};
  }
  --token->uses_left;
  return read;
}

void Session::resume() {
  const std::shared_ptr<StoredSession> found = service_.sessions.find(setup_.handle);
  const bool over = found && !setup_.compressed && end_of(*found) <= service_.loop.now();
  // github.com/yeyu2/Youtube_demos/issues/5
  if (!found || over) {
    refuse_resumption(kPolicy, "BidiGenerateContent session not found");
  }
  // The code is known (github.com/aicc2025/sip-to-ai/issues/14), the text is not.
  if (found->is_connected()) {
    refuse_resumption(kInternal, "The session is still open on another connection.");
  }
  if (found->model != setup_.model) {
    ++service_.ledger.resumptions_refused;
    throw Refusal{"invalid_value",
                  fmt::format("Invalid 'setup.model': the session to be resumed has {}.", excerpt(found->model)),
                  "setup.model"};
  }
  stored_ = found;
  ++service_.ledger.sessions_resumed;
}

void Session::refuse_resumption(std::uint16_t code, std::string_view reason) {
  ++service_.ledger.resumptions_refused;
  throw Ending{code, std::string(reason)};
}

Instant Session::expires() const { return !is_open() || setup_.compressed ? Instant::max() : end_of(*stored_); }

std::string Session::resumption_update() {
  const std::string handle = service_.sessions.issue(stored_, service_.ids);
  json::Writer json;
  json.object().key("sessionResumptionUpdate").object().key("newHandle").text(handle).key("resumable").boolean(true);
  // The setup is message 0: where the service begins to count is not known.
  if (setup_.transparent) {
    json.key("lastConsumedClientMessageIndex").text(fmt::format("{}", messages_ - 1));
  }
  json.end_object().end_object();
  ++service_.ledger.handles_sent;
  return json.take();
}

// What the user says

void Session::take_realtime_input(const Field& input) {
  const Only only =
      only_one(input, {"audio", "video", "text", "audioStreamEnd", "activityStart", "activityEnd", "mediaChunks"});
  const auto activity_by_hand = [this](std::string_view member) {
    if (!setup_.detection.on) {
      return;
    }
    throw Refusal{
        "invalid_value", fmt::format("Invalid 'realtimeInput.{}': automatic activity detection is on.", member), {}};
  };
  if (only.name == "audio") {
    name_ = "realtimeInput.audio";
    take_audio(only.field);
  } else if (only.name == "video") {
    name_ = "realtimeInput.video";
    take_video(only.field);
  } else if (only.name == "text") {
    name_ = "realtimeInput.text";
    unanswered_text_ += only.field.string().size();
    if (setup_.interruptible) {
      interrupt();
    }
    answer();
  } else if (only.name == "audioStreamEnd") {
    name_ = "realtimeInput.audioStreamEnd";
    if (!setup_.detection.on) {
      throw Refusal{
          "invalid_value", "Invalid 'realtimeInput.audioStreamEnd': automatic activity detection is off.", {}};
    }
    if (only.field.boolean()) {
      end_stream();
    }
  } else if (only.name == "activityStart") {
    name_ = "realtimeInput.activityStart";
    activity_by_hand(only.name);
    only.field.object({});
    in_activity_ = true;
    if (setup_.interruptible) {
      interrupt();
    }
  } else if (only.name == "activityEnd") {
    name_ = "realtimeInput.activityEnd";
    activity_by_hand(only.name);
    only.field.object({});
    if (std::exchange(in_activity_, false)) {
      answer();
    }
  } else {
    name_ = "realtimeInput.mediaChunks";
    // github.com/kizuna-ai-lab/sokuji/issues/150
    if (setup_.model.starts_with("models/gemini-3")) {
      throw Ending{kInvalidArgument, "realtime_input.media_chunks is deprecated. Use audio, video, or text instead."};
    }
    const std::size_t size = only.field.array();
    for (std::size_t i = 0; i < size; ++i) {
      const Field chunk = only.field.at(i);
      const bool audio = chunk.object().require("mimeType").string().starts_with("audio/");
      audio ? take_audio(chunk) : take_video(chunk);
    }
  }
}

void Session::take_audio(const Field& blob) {
  blob.object({"data", "mimeType"});
  const int rate = pcm_rate(blob.require("mimeType"));
  const Field data = blob.require("data");
  std::string& bytes = service_.audio;
  bytes.clear();
  if (!text::decode_proto_base64(data.string(), bytes) || bytes.empty() || bytes.size() % 2 != 0) {
    refuse_value(data, "base64 of 16-bit PCM");
  }
  unanswered_ms_ += static_cast<double>(bytes.size()) * 500.0 / rate;
  ++service_.ledger.audio_frames_received;
  service_.ledger.audio_bytes_received += bytes.size();
  detect_activity(rate);
}

// In the audio that came last.
void Session::detect_activity(int rate_hz) {
  if (!setup_.detection.on) {
    return;
  }
  for (const auto& [speaking, ms] : detector_.hear(service_.audio, AudioFormat::kPcm, rate_hz, setup_.detection)) {
    if (speaking) {
      if (setup_.interruptible) {
        interrupt();
      }
      continue;
    }
    ++service_.ledger.turns_detected;
    turn_detected_ = true;
    answer();
  }
}

// The microphone is off. What is being said has been said; and a stream in which nobody was heard is a turn as a whole.
void Session::end_stream() {
  const bool unheard = !turn_detected_ && unanswered_ms_ > 0;
  if (detector_.is_speaking() || unheard) {
    answer();
  } else {
    unanswered_ms_ = 0;  // The silence after the last turn.
  }
  detector_.reset();
  turn_detected_ = false;
}

void Session::take_video(const Field& blob) {
  blob.object({"data", "mimeType"});
  const Field mime_type = blob.require("mimeType");
  if (!mime_type.string().starts_with("image/")) {
    refuse_value(mime_type, "image/<format>");
  }
  const Field data = blob.require("data");
  service_.audio.clear();
  if (!text::decode_proto_base64(data.string(), service_.audio) || service_.audio.empty()) {
    refuse_value(data, "base64 of an image");
  }
}

void Session::take_content(const Field& content) {
  content.object({"turns", "turnComplete"});
  if (const auto turns = content.find("turns")) {
    const std::size_t size = turns->array();
    for (std::size_t i = 0; i < size; ++i) {
      unanswered_text_ += check_content(turns->at(i));
    }
  }
  const auto complete = content.find("turnComplete");
  const bool answered = complete && complete->boolean();
  // It is taken as what was said before, up to the first that is complete (the type HistoryConfig of src/types.ts).
  if (seeding_) {
    seeding_ = !answered;
    return;
  }
  interrupt();  // Whatever activityHandling says (src/types.ts, LiveClientContent).
  if (answered) {
    answer();
  }
}

void Session::take_tool_response(const Field& response) {
  const Field responses = response.object({"functionResponses"}).require("functionResponses");
  const std::size_t size = responses.array();
  for (std::size_t i = 0; i < size; ++i) {
    const Field one = responses.at(i);
    one.object({"id", "name", "response", "scheduling", "willContinue", "parts"});
    one.require("id").string();
    if (const auto name = one.find("name")) {
      name->string();  // The id says which call it is of.
    }
    one.require("response").object();
  }
  for (std::size_t i = 0; i < size; ++i) {
    const Field one = responses.at(i);
    const bool awaited = turn_ && turn_->take_result(one.require("id").string());
    if (!awaited) {
      take_running_result(one);
    }
  }
}

// Of a function with the behavior NON_BLOCKING: `scheduling` says when the model speaks of it, `willContinue` that more
// of it follows (the type FunctionResponse of src/types.ts).
void Session::take_running_result(const Field& result) {
  const auto call = std::find(running_calls_.begin(), running_calls_.end(), result.require("id").string());
  if (call == running_calls_.end()) {
    refuse_result();
  }
  const auto scheduling = result.find("scheduling");
  const std::string_view when =
      scheduling ? scheduling->one_of({"SCHEDULING_UNSPECIFIED", "SILENT", "WHEN_IDLE", "INTERRUPT"}) : "WHEN_IDLE";
  const auto continues = result.find("willContinue");
  if (!continues || !continues->boolean()) {
    ++service_.ledger.tool_calls_answered;
    running_calls_.erase(call);
  }
  if (when == "SILENT") {
    return;
  }
  if (when == "INTERRUPT") {
    interrupt();
  }
  result_due_ = true;
  answer();
}

void Session::refuse_result() {
  // There was no call, or it is not under way any more. The text is the service's after some tool responses
  // (github.com/google-gemini/deprecated-generative-ai-js/issues/487).
  throw Ending{kPolicy, "Requested entity was not found."};
}

// The answers

void Session::interrupt() {
  // One that has not begun ends as well, so that whoever waits for it hears of it.
  if (Turn* const running = turn()) {
    running->interrupt();
  }
  answers_due_ = 0;
}

void Session::answer() {
  ++answers_due_;
  turn_due_.set();
}

Turn* Session::turn() {
  if (!turn_ && answers_due_ > 0) {
    --answers_due_;
    const TurnInput input{static_cast<std::int64_t>(std::exchange(unanswered_ms_, 0)),
                          static_cast<std::int64_t>(std::exchange(unanswered_text_, 0)),
                          std::exchange(result_due_, false)};
    turn_ = std::make_unique<Turn>(service_, setup_, *stored_, input, running_calls_);
  }
  if (!turn_) {
    turn_due_.reset();
  }
  return turn_.get();
}

std::string Session::turn_over() {
  turn_.reset();
  // A handle that nobody would hear of must not supersede one that somebody has.
  return setup_.resumption && connection_.is_open() ? resumption_update() : std::string();
}

}  // namespace soak::peers::gemini
