// SPDX-License-Identifier: Apache-2.0
#include "pusher/listen/flows.h"

namespace pusher::listen {

Flows::Flows() {
  for (std::size_t i = 0; i < kFlows; ++i) {
    dropped_.push_back(soak::metrics::counter("listen_dropped_total", "What was accepted and not sent, by flow",
                                              {{"flow", label_of(static_cast<Flow>(i))}}));
  }
}

void Flows::drop(Flow flow, std::uint64_t amount) noexcept {
  at(flow).dropped += amount;
  dropped_[static_cast<std::size_t>(flow)].increment(static_cast<double>(amount));
}

}  // namespace pusher::listen
