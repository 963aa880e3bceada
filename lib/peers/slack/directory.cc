// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/slack/directory.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "lib/peers/fnv.h"
#include "lib/text/ascii.h"

namespace soak::peers {
namespace {

constexpr std::string_view kOfEveryWorkspace[] = {"general", "random"};

bool is_id(std::string_view id, std::string_view first_letters) {
  return id.size() > 1 && first_letters.find(id[0]) != std::string_view::npos &&
         std::all_of(id.begin(), id.end(), [](char c) { return text::is_upper(c) || text::is_digit(c); });
}

// Lower case, without spaces and periods (docs.slack.dev/reference/methods/conversations.create).
bool is_name(std::string_view name) {
  constexpr std::size_t kNameMax = 80;
  return !name.empty() && name.size() <= kNameMax && std::all_of(name.begin(), name.end(), [](char c) {
    return (text::is_letter_or_digit(c) && !text::is_upper(c)) || c == '-' || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
  });
}

std::string hashed(char first, std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  std::string id(1, first);
  id += '0';
  for (std::uint64_t rest = fnv1a(text); id.size() < 11; rest /= kDigits.size()) {
    id += kDigits[rest % kDigits.size()];
  }
  return id;
}

std::string id_of_name(std::string_view name) { return hashed('C', name); }

std::string_view without_hash(std::string_view name) { return name.starts_with('#') ? name.substr(1) : name; }

}  // namespace

bool SlackDirectory::is_user_id(std::string_view id) { return is_id(id, "UW"); }

std::string SlackDirectory::conversation_of(const std::vector<std::string>& users) {
  if (users.size() == 1) {
    return "D" + users[0].substr(1);
  }
  std::vector<std::string> sorted = users;
  std::sort(sorted.begin(), sorted.end());
  std::string all;
  for (const std::string& user : sorted) {
    all.append(user).append(",");
  }
  return hashed('G', all);
}

std::string SlackDirectory::channel_id(std::string_view name_or_id) const {
  std::string id;
  if (is_id(name_or_id, "CDG")) {
    id = name_or_id;
  } else if (is_user_id(name_or_id)) {
    id = conversation_of({std::string(name_or_id)});
  } else if (is_name(without_hash(name_or_id))) {
    id = id_of_name(without_hash(name_or_id));
  }
  if (id.empty() || channels_.empty()) {
    return id;
  }
  const bool exists = std::any_of(channels_.begin(), channels_.end(), [&](const std::string& channel) {
    return channel == id || channel == name_or_id ||
           (!is_id(channel, "CDG") && id_of_name(without_hash(channel)) == id);
  });
  return exists ? id : std::string();
}

std::vector<std::string> SlackDirectory::listed(std::string_view first_letters) const {
  std::vector<std::string> ids;
  if (channels_.empty() && first_letters.find('C') != std::string_view::npos) {
    for (const std::string_view name : kOfEveryWorkspace) {
      ids.push_back(id_of_name(name));
    }
  }
  for (const std::string& channel : channels_) {
    if (const std::string id = channel_id(channel); first_letters.find(id[0]) != std::string_view::npos) {
      ids.push_back(id);
    }
  }
  return ids;
}

std::string SlackDirectory::name_of(const std::string& id) const {
  for (const std::string_view name : kOfEveryWorkspace) {
    if (id_of_name(name) == id) {
      return std::string(name);
    }
  }
  for (const std::string& channel : channels_) {
    if (!is_id(channel, "CDG") && id_of_name(without_hash(channel)) == id) {
      return std::string(without_hash(channel));
    }
  }
  return text::to_lower(id);
}

void SlackDirectory::write_channel(json::Writer& json, const std::string& id) const {
  const bool is_direct = id.starts_with('D');
  json.object().key("id").text(id).key("created").integer(1'700'000'000);
  if (is_direct) {
    json.key("is_im").boolean(true).key("user").text("U" + id.substr(1)).key("is_archived").boolean(false);
    json.end_object();
    return;
  }
  const bool is_group = id.starts_with('G');
  json.key("name").text(name_of(id)).key("name_normalized").text(name_of(id));
  json.key("is_channel").boolean(!is_group).key("is_group").boolean(is_group).key("is_im").boolean(false);
  json.key("is_mpim").boolean(is_group).key("is_private").boolean(is_group).key("is_archived").boolean(false);
  json.key("is_general").boolean(id == id_of_name("general")).key("is_member").boolean(true);
  json.key("is_shared").boolean(false).key("creator").text("U00000002").key("num_members").integer(2);
  for (const char* const text : {"topic", "purpose"}) {
    json.key(text).object().key("value").text("").key("creator").text("").key("last_set").integer(0).end_object();
  }
  json.end_object();
}

}  // namespace soak::peers
