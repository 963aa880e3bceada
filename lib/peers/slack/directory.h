// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_SLACK_DIRECTORY_H_
#define SOAK_LIB_PEERS_SLACK_DIRECTORY_H_

// The channels and users of the fake's workspace, and how clients name them: a channel's id or name, with or without
// "#", and a user's id for the direct messages with that user.

#include <string>
#include <string_view>
#include <vector>

#include "lib/json/writer.h"

namespace soak::peers {

class SlackDirectory {
 public:
  // `channels`: those that exist, by id or name; empty: any.
  explicit SlackDirectory(std::vector<std::string> channels) : channels_(std::move(channels)) {}

  // The channel's id; empty if there is no such channel.
  std::string channel_id(std::string_view name_or_id) const;

  static bool is_user_id(std::string_view id);
  // The direct messages of one user, or of several.
  static std::string conversation_of(const std::vector<std::string>& users);

  // The conversations for conversations.list whose ids begin with one of these letters. Where every channel that is
  // named exists, those that all workspaces have.
  std::vector<std::string> listed(std::string_view first_letters) const;
  void write_channel(json::Writer& json, const std::string& id) const;

 private:
  std::string name_of(const std::string& id) const;

  std::vector<std::string> channels_;
};

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_SLACK_DIRECTORY_H_
