// SPDX-License-Identifier: Apache-2.0
#ifndef PUSHER_LISTEN_MIX_H_
#define PUSHER_LISTEN_MIX_H_

// Mixes the channels of a client into one, in blocks of one length. Pure: samples in, blocks out.
//
// A block is complete once every channel has its samples. A channel that falls behind by more than `lag_max` is taken
// as silent, so that one side of a call that stops sending does not hold back the other. What is left when the input
// ends is the rest; it belongs to the recording as much as the blocks before it.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pusher::listen {

class Mix {
 public:
  // In bytes of 16-bit samples.
  Mix(std::size_t channels, std::size_t block_bytes, std::size_t lag_bytes_max);

  std::size_t channels() const { return channels_.size(); }
  // `pcm` has an even number of bytes.
  void add(std::size_t channel, std::string_view pcm);
  std::optional<std::string> take_block();
  // Everything that is left, padded with silence where a channel has less; empty if nothing is.
  std::string take_rest();

 private:
  std::string take(std::size_t bytes);
  std::size_t longest() const;

  std::size_t block_bytes_;
  std::size_t lag_bytes_max_;
  std::vector<std::string> channels_;
};

}  // namespace pusher::listen

#endif  // PUSHER_LISTEN_MIX_H_
