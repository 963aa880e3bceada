// SPDX-License-Identifier: Apache-2.0
#include "mesh/edge/edge_state.h"

#include <fmt/format.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mesh/json.h"
#include "soak/error.h"

namespace mesh {

namespace {

using rapidjson::Value;

std::int64_t signed_of(std::uint64_t number) { return static_cast<std::int64_t>(number); }

std::string json_of(const Outgoing& message) {
  JsonText json;
  json.text("id", message.id).text("to", message.to).text("kind", message.kind);
  json.text("in_reply_to", message.in_reply_to).text("body", message.body);
  return json.object();
}

std::string json_of(const Incoming& message) {
  JsonText json;
  json.integer("sequence", signed_of(message.sequence)).text("from", message.from).text("id", message.id);
  json.text("kind", message.kind).text("in_reply_to", message.in_reply_to);
  return json.object();
}

template <typename Messages>
std::string json_of_all(const Messages& messages) {
  std::vector<std::string> each;
  for (const Outgoing& message : messages) {
    each.push_back(json_of(message));
  }
  return json_array(each);
}

[[noreturn]] void refuse(std::string_view what) {
  throw soak::Error(soak::Errc::kProtocol, fmt::format("journal: {}", what));
}

const Value& member(const Value& object, const char* name) {
  if (!object.IsObject() || !object.HasMember(name)) {
    refuse(fmt::format("a line has no {}", name));
  }
  return object[name];
}

std::string text_of(const Value& value) {
  if (!value.IsString()) {
    refuse("a field that should be a text is not");
  }
  return {value.GetString(), value.GetStringLength()};
}

std::string text_of(const Value& object, const char* name) { return text_of(member(object, name)); }

std::uint64_t number_of(const Value& object, const char* name) {
  const Value& value = member(object, name);
  if (!value.IsUint64()) {
    refuse(fmt::format("{} is not a number", name));
  }
  return value.GetUint64();
}

bool flag_of(const Value& object, const char* name) {
  const Value& value = member(object, name);
  if (!value.IsBool()) {
    refuse(fmt::format("{} is neither true nor false", name));
  }
  return value.GetBool();
}

const Value& list_of(const Value& object, const char* name) {
  const Value& value = member(object, name);
  if (!value.IsArray()) {
    refuse(fmt::format("{} is not a list", name));
  }
  return value;
}

Outgoing outgoing_of(const Value& value) {
  return {text_of(value, "id"), text_of(value, "to"), text_of(value, "kind"), text_of(value, "in_reply_to"),
          text_of(value, "body")};
}

Incoming incoming_of(const Value& value) {
  return {number_of(value, "sequence"), text_of(value, "id"),          text_of(value, "from"),
          text_of(value, "kind"),       text_of(value, "in_reply_to"), ""};
}

}  // namespace

std::string EdgeState::request_line(std::uint64_t iteration, const Outgoing& request) {
  JsonText step;
  step.text("step", "request").integer("iteration", signed_of(iteration)).raw("message", json_of(request));
  return step.object();
}

std::string EdgeState::handled_line(const Incoming& message, const std::vector<Outgoing>& replies) {
  JsonText step;
  step.text("step", "handled").raw("message", json_of(message)).raw("replies", json_of_all(replies));
  return step.object();
}

std::string EdgeState::sent_line(std::string_view id) {
  JsonText step;
  step.text("step", "sent").text("id", id);
  return step.object();
}

std::string EdgeState::dropped_line(std::string_view id) {
  JsonText step;
  step.text("step", "dropped").text("id", id);
  return step.object();
}

std::string EdgeState::mark_line(std::string_view name, std::uint64_t value) {
  JsonText step;
  step.text("step", "mark").text("name", name).integer("value", signed_of(value));
  return step.object();
}

std::string EdgeState::snapshot_line() const {
  std::vector<std::string> unsettled;
  for (const auto& [id, message] : unsettled_) {
    JsonText entry;
    entry.text("id", id).text("kind", message.kind).boolean("answered", message.answered);
    entry.boolean("receipted", message.receipted);
    unsettled.push_back(entry.object());
  }
  JsonText marks;
  for (const auto& [name, value] : marks_) {
    marks.integer(name, signed_of(value));
  }
  std::vector<std::string> recent;
  for (const auto& [from, id] : recent_) {
    recent.push_back(from);
    recent.push_back(id);
  }
  JsonText step;
  step.text("step", "state").integer("number", signed_of(number_)).integer("iteration", signed_of(iteration_));
  step.integer("handled_up_to", signed_of(handled_up_to_)).raw("outbox", json_of_all(outbox_));
  step.raw("unsettled", json_array(unsettled)).raw("marks", marks.object()).names("recent", recent);
  if (last_handled_) {
    step.raw("last_handled", json_of(*last_handled_));
  }
  return step.object();
}

void EdgeState::apply(std::string_view journal_line) {
  rapidjson::Document step;
  step.Parse(journal_line.data(), journal_line.size());
  if (step.HasParseError()) {
    refuse("a line is not JSON");
  }
  const std::string name = text_of(step, "step");
  if (name == "request") {
    iteration_ = number_of(step, "iteration");
    add(outgoing_of(member(step, "message")));
  } else if (name == "handled") {
    Incoming message = incoming_of(member(step, "message"));
    handled_up_to_ = std::max(handled_up_to_, message.sequence);
    remember_handled(message.from, message.id);
    if (message.kind == "receipt" || message.kind == "query_response" || message.kind == "task_response") {
      settle(message.in_reply_to, message.kind == "receipt");
    }
    last_handled_ = std::move(message);
    for (const Value& reply : list_of(step, "replies").GetArray()) {
      add(outgoing_of(reply));
    }
  } else if (name == "sent" || name == "dropped") {
    const std::string id = text_of(step, "id");
    std::erase_if(outbox_, [&id](const Outgoing& message) { return message.id == id; });
    if (name == "dropped") {
      unsettled_.erase(id);
    }
  } else if (name == "mark") {
    marks_[text_of(step, "name")] = number_of(step, "value");
  } else if (name == "state") {
    *this = EdgeState();
    for (const Value& message : list_of(step, "outbox").GetArray()) {
      outbox_.push_back(outgoing_of(message));
    }
    for (const Value& message : list_of(step, "unsettled").GetArray()) {
      unsettled_[text_of(message, "id")] = {text_of(message, "kind"), flag_of(message, "answered"),
                                            flag_of(message, "receipted")};
    }
    const Value& marks = member(step, "marks");
    for (const auto& mark : marks.GetObject()) {
      marks_[text_of(mark.name)] = number_of(marks, mark.name.GetString());
    }
    const Value& recent = list_of(step, "recent");
    for (rapidjson::SizeType i = 0; i + 1 < recent.Size(); i += 2) {
      remember_handled(text_of(recent[i]), text_of(recent[i + 1]));
    }
    if (step.HasMember("last_handled")) {
      last_handled_ = incoming_of(step["last_handled"]);
    }
    number_ = number_of(step, "number");
    iteration_ = number_of(step, "iteration");
    handled_up_to_ = number_of(step, "handled_up_to");
  } else {
    refuse(fmt::format("there is no step {}", name));
  }
}

std::string EdgeState::next_id(std::size_t further) const { return fmt::format("m-{}", number_ + further); }

bool EdgeState::has_handled(const Incoming& message) const {
  return message.sequence <= handled_up_to_ || recent_set_.contains({message.from, message.id});
}

std::uint64_t EdgeState::mark(std::string_view name) const {
  const auto found = marks_.find(name);
  return found == marks_.end() ? 0 : found->second;
}

void EdgeState::add(Outgoing message) {
  ++number_;
  if (message.kind != "receipt") {
    const bool is_response = message.kind == "query_response" || message.kind == "task_response";
    unsettled_[message.id] = {message.kind, is_response, false};
  }
  outbox_.push_back(std::move(message));
}

void EdgeState::remember_handled(std::string from, std::string id) {
  if (!recent_set_.emplace(from, id).second) {
    return;
  }
  recent_.emplace_back(std::move(from), std::move(id));
  if (recent_.size() > kRecentMax) {
    recent_set_.erase(recent_.front());
    recent_.pop_front();
  }
}

void EdgeState::settle(const std::string& id, bool by_receipt) {
  const auto found = unsettled_.find(id);
  if (found == unsettled_.end()) {
    return;
  }
  (by_receipt ? found->second.receipted : found->second.answered) = true;
  if (found->second.answered && found->second.receipted) {
    unsettled_.erase(found);
  }
}

}  // namespace mesh
