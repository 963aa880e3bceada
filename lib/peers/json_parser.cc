// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/json_parser.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "lib/json/text_stream.h"

namespace soak::peers {
namespace {

constexpr unsigned kFlags = rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag;
constexpr std::size_t kDepthMax = 64;
constexpr std::size_t kValuesMax = 65536;

// Stands between the reader and the document, and stops what is nested too deep, or has too many values, to be
// meant well: a value of two bytes takes sixteen of memory, and writing it back recurses.
class Limited {
 public:
  using Ch = char;

  explicit Limited(rapidjson::Document& next) : next_(next) {}

  bool Null() { return count() && next_.Null(); }
  bool Bool(bool value) { return count() && next_.Bool(value); }
  bool Int(int value) { return count() && next_.Int(value); }
  bool Uint(unsigned value) { return count() && next_.Uint(value); }
  bool Int64(std::int64_t value) { return count() && next_.Int64(value); }
  bool Uint64(std::uint64_t value) { return count() && next_.Uint64(value); }
  bool Double(double value) { return count() && next_.Double(value); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool copy) {
    return count() && next_.RawNumber(text, size, copy);
  }
  bool String(const char* text, rapidjson::SizeType size, bool copy) {
    return count() && next_.String(text, size, copy);
  }
  bool Key(const char* text, rapidjson::SizeType size, bool copy) { return count() && next_.Key(text, size, copy); }
  bool StartObject() { return enter() && next_.StartObject(); }
  bool EndObject(rapidjson::SizeType size) { return leave() && next_.EndObject(size); }
  bool StartArray() { return enter() && next_.StartArray(); }
  bool EndArray(rapidjson::SizeType size) { return leave() && next_.EndArray(size); }

 private:
  bool count() { return ++values_ <= kValuesMax; }
  bool enter() { return ++depth_ <= kDepthMax && count(); }
  bool leave() {
    --depth_;
    return true;
  }

  rapidjson::Document& next_;
  std::size_t depth_ = 0;
  std::size_t values_ = 0;
};

}  // namespace

JsonParser::JsonParser()
    : memory_(std::make_unique<std::array<char, 16384>>()), pool_(memory_->data(), memory_->size()) {}

const Value& JsonParser::parse(std::string& text) {
  document_.reset();
  pool_.Clear();
  document_.emplace(&pool_);
  bool ended_early = std::memchr(text.data(), '\0', text.size()) != nullptr;  // The reader would stop there.
  rapidjson::ParseResult result;
  const auto read = [&](rapidjson::Document& document) {
    json::TextStream stream(text);
    Limited limited(document);
    result = reader_.Parse<kFlags>(stream, limited);
    return !result.IsError();
  };
  if (!ended_early) {
    document_->Populate(read);
  }
  if (ended_early || result.IsError()) {
    if (result.Code() == rapidjson::kParseErrorTermination) {
      throw Refusal{"invalid_event", "The event has too many values, or is nested too deep.", {}};
    }
    throw Refusal{"invalid_event", "We could not parse the event: it is not valid JSON.", {}};
  }
  if (!document_->IsObject()) {
    throw Refusal{"invalid_event",
                  fmt::format("Invalid event: expected an object, but got {} instead.", kind_of(*document_)),
                  {}};
  }
  return *document_;
}

}  // namespace soak::peers
