// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_SESSION_COUNT_H_
#define SOAK_DETAIL_SESSION_COUNT_H_

// The machinery of Session: its count in the gauge, and the queues that its log reports.

#include <cstddef>

#include "soak/metrics/label.h"

namespace soak::detail {

struct QueueDepth {
  Label name;
  const void* queue;
  std::size_t (*depth)(const void* queue);
};

// One session of a label. The gauge goes up when this is built, and down when it ends.
class SessionCount {
 public:
  explicit SessionCount(Label label);
  ~SessionCount() { end(); }
  SessionCount(const SessionCount&) = delete;
  SessionCount& operator=(const SessionCount&) = delete;
  void end() noexcept;

 private:
  Label label_;
  bool counted_ = true;
};

}  // namespace soak::detail

#endif  // SOAK_DETAIL_SESSION_COUNT_H_
