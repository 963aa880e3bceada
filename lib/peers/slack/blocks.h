// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_SLACK_BLOCKS_H_
#define SOAK_LIB_PEERS_SLACK_BLOCKS_H_

// Blocks, as Slack's reference of Block Kit describes them (docs.slack.dev/reference/block-kit/blocks).

#include <string>
#include <string_view>
#include <vector>

#include "lib/json/reader.h"

namespace soak::peers {

struct SlackBlocks {
  std::string json;  // The array, with a block_id in each: those that had none get `id_prefix` and their number.
  std::vector<std::string> errors;  // "missing required field: text [json-pointer:/blocks/0/text]"
};

// `list` is an array.
SlackBlocks read_blocks(const json::Value& list, std::string_view id_prefix);

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_SLACK_BLOCKS_H_
