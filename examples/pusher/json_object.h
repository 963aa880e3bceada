// SPDX-License-Identifier: Apache-2.0
#ifndef PUSHER_JSON_OBJECT_H_
#define PUSHER_JSON_OBJECT_H_

// JSON objects from the network, and to it.

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "pusher/frame_error.h"

namespace pusher {

bool is_utf8(std::string_view text);

// One JSON object, read strictly. `subject`, such as "frame 102", begins the text of each FrameError; it outlives the
// object.
class JsonObject {
 public:
  // Reads iteratively, so that nesting costs no stack.
  JsonObject(std::string_view subject, std::string_view text);

  const rapidjson::Value* find(const char* name) const;
  [[noreturn]] void wrong(const char* name, const char* expected) const;

  std::string text(const char* name) const;
  std::string text_or_null(const char* name, std::string_view otherwise = {}) const;  // `otherwise` if absent or null.
  bool flag(const char* name) const;                                                  // False if absent or null.
  std::int64_t integer(const char* name, std::int64_t otherwise) const;               // `otherwise` if absent.
  const rapidjson::Value& array(const char* name) const;

 private:
  std::string_view subject_;
  rapidjson::Document document_;
};

std::string to_json(const rapidjson::Value& value);

// Builds one JSON object.
class JsonObjectWriter {
 public:
  using Buffer = rapidjson::GenericStringBuffer<rapidjson::UTF8<>>;
  using Writer = rapidjson::Writer<Buffer>;

  JsonObjectWriter() : writer_(buffer_) { writer_.StartObject(); }

  Writer& key(std::string_view name);
  void text(std::string_view name, std::string_view value);
  void raw(std::string_view name, std::string_view json, rapidjson::Type type);
  std::string take();

 private:
  Buffer buffer_;
  Writer writer_;
};

}  // namespace pusher

#endif  // PUSHER_JSON_OBJECT_H_
