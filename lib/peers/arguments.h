// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_ARGUMENTS_H_
#define SOAK_LIB_PEERS_ARGUMENTS_H_

// The arguments of an HTTP API's method, from wherever the client put them: query, form, multipart or JSON.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/peers/json_parser.h"
#include "soak/net/headers.h"

namespace soak::peers {

enum class BodyType : std::uint8_t { kNone, kJson, kForm, kMultipart, kOther };

struct ContentType {
  BodyType type = BodyType::kNone;
  std::string charset;   // In lower case; empty if not given.
  std::string boundary;  // Of kMultipart.
};
ContentType content_type(const net::Headers& headers);

struct Argument {
  enum class Kind : std::uint8_t { kText, kNumber, kBoolean, kObject, kArray };

  std::string name;
  std::string value;        // A text as it is, all else as JSON.
  Kind kind = Kind::kText;  // From a query or a form, always kText.
  bool is_file = false;
  std::string file_name = {};  // Of a file, as is its type: "text/plain", or empty.
  std::string file_type = {};

  // An empty text, list or object, or 0.
  bool is_blank() const;
};

class Arguments {
 public:
  // "a=1&b=x%20y+z"
  void add_form(std::string_view text);
  // False if the body is not made as RFC 7578 and its boundary ask for.
  bool add_multipart(std::string_view body, std::string_view boundary);
  // The members of the object; one that is null is absent, and is_null() finds it. Throws what JsonParser::parse()
  // throws. Of what is not UTF-8 it takes nothing, and is_utf8() says so.
  void add_json(JsonParser& parser, std::string text);

  // The first of that name, or null.
  const Argument* find(std::string_view name) const;
  std::string_view text(std::string_view name) const;  // Empty if absent.
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  // Whether all names and texts are, as the providers ask for; files need not be.
  bool is_utf8() const;
  // Of "true", "True", "1", and what JSON calls true.
  bool truth(std::string_view name, bool otherwise = false) const;
  // Whether it was given as JSON's null, by which an edit removes something.
  bool is_null(std::string_view name) const;
  std::vector<Argument>::const_iterator begin() const { return arguments_.begin(); }
  std::vector<Argument>::const_iterator end() const { return arguments_.end(); }

 private:
  std::vector<Argument> arguments_;
  std::vector<std::string> nulls_;
  bool is_utf8_ = true;
};

// Calls `look` with the value that `json` is of; not at all where it is not JSON.
template <typename Look>
void read_json(JsonParser& parser, std::string_view json, Look look) {
  std::string text = R"({"value":)";
  text.append(json).append("}");
  try {
    const Value& object = parser.parse(text);
    const auto found = object.FindMember("value");
    if (found != object.MemberEnd() && object.MemberCount() == 1) {
      look(found->value);
    }
  } catch (const Refusal&) {  // No JSON: nothing to look at.
  }
}

// How many elements the array in `json` has; empty if it is none.
std::optional<std::size_t> array_size(JsonParser& parser, std::string_view json);
bool is_object(JsonParser& parser, std::string_view json);

// "/a/b/c" as a, b, c, decoded.
std::vector<std::string> path_segments(std::string_view path);

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_ARGUMENTS_H_
