// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/notices.h"

#include <fmt/format.h>

#include <cstddef>
#include <optional>

#include "soak/log.h"

namespace soak::peers {
namespace {

constexpr std::size_t kNamesMax = 256;  // The names are the clients': what comes after these is counted together.
constexpr const char* kOthers = "(others)";

bool is_set(const Value& value) {
  if (value.IsNull() || (value.IsString() && view(value) == "auto")) {
    return false;
  }
  if (value.IsNumber()) {
    return value.GetDouble() != 1;
  }
  return !(value.IsArray() && value.Empty()) && !(value.IsObject() && value.ObjectEmpty());
}

}  // namespace

void Notices::note(Counts& counts, std::string_view what, std::string_view message) {
  auto count = counts.find(what);
  if (count == counts.end()) {
    const bool full = counts.size() >= kNamesMax;
    count = counts.emplace(full ? std::string(kOthers) : std::string(what), 0).first;
    if (!full) {
      const std::string text = fmt::format("{}: {}", what, message);
      log({LogLevel::kWarning, loop_.now(), source_, {}, text});
    }
  }
  ++count->second;
}

void Notices::not_played(std::string_view what) {
  note(not_played_, what, "is accepted, and this fake does not play it");
}

void Notices::unknown(std::string_view what) { note(unknown_, what, "is unknown to this fake, and was refused"); }

void Notices::not_played(const Field& object, std::initializer_list<std::string_view> members) {
  for (const std::string_view member : members) {
    std::optional<Field> field = object;
    for (std::string_view rest = member; field && !rest.empty();) {
      const std::size_t end = rest.find('.');
      field = field->value().IsObject() ? field->find(rest.substr(0, end)) : std::nullopt;
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    if (field && is_set(field->value())) {
      not_played(field->path());
    }
  }
}

}  // namespace soak::peers
