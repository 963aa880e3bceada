// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_STRUCTURED_FIELD_H_
#define MESH_STRUCTURED_FIELD_H_

// Structured fields (RFC 8941), as far as signatures and digests use them: dictionaries of items and inner lists. No
// decimals.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace mesh::sf {

struct Token {
  std::string text;
};
struct Bytes {
  std::string bytes;
};
using BareItem = std::variant<std::int64_t, std::string, Token, Bytes, bool>;

struct Parameter {
  std::string name;
  BareItem value;
};
using Parameters = std::vector<Parameter>;  // In their order; each name once.

struct Item {
  BareItem value;
  Parameters parameters;
};

struct InnerList {
  std::vector<Item> items;
  Parameters parameters;
};

struct Member {
  std::string name;
  std::variant<Item, InnerList> value;
};
using Dictionary = std::vector<Member>;  // In their order; each name once, the last value counts.

// nullopt if it is no dictionary.
std::optional<Dictionary> parse_dictionary(std::string_view text);

const Member* find(const Dictionary& dictionary, std::string_view name);
const BareItem* find(const Parameters& parameters, std::string_view name);

// In the canonical form, which signatures are over.
std::string to_string(const BareItem& item);
std::string to_string(const InnerList& list);

}  // namespace mesh::sf

#endif  // MESH_STRUCTURED_FIELD_H_
