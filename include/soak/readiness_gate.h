// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_READINESS_GATE_H_
#define SOAK_READINESS_GATE_H_

// Holds work back until all that it needs is there at the same time.
//
//   ReadinessGate gate({"speech", "storage"});
//   gate.set("speech");               // By who connects it; gate.reset("speech") when the connection is lost.
//   if (!co_await gate.wait_for(10s)) throw NotReady(gate.missing());   // By who needs it.
//
// Each condition belongs to one part of the program, which sets and resets it as often as it likes. Waiting for one
// condition after the other is not the same: the first may be lost again while you wait for the second. Use a gate only
// on the loop, and the thread, of the tasks that wait on it.

#include <chrono>
#include <initializer_list>
#include <source_location>
#include <string>
#include <vector>

#include "soak/detail/clock.h"  // Instant
#include "soak/event.h"
#include "soak/metrics/label.h"

namespace soak {

class ReadinessGate {
 public:
  // The conditions that have to hold; at first none of them does. Throws Error(Errc::kInvalidArgument) if the list is
  // empty or names a condition twice.
  explicit ReadinessGate(std::initializer_list<Label> conditions);

  // Throw Error(Errc::kInvalidArgument) for a condition that the gate does not have. The last condition to be set wakes
  // all waiting tasks on the loop's next turn. Tasks that were woken continue, even if a condition is lost before.
  void set(Label condition);
  void reset(Label condition);

  bool ready() const noexcept { return ready_.is_set(); }
  // "speech, storage": the conditions that do not hold; empty if the gate is ready.
  std::string missing() const;

  // Waits until all conditions hold; does not wait if they do.
  [[nodiscard]] detail::EventWait wait(std::source_location where = std::source_location::current()) noexcept {
    return ready_.wait(where);
  }
  // Returns true once all conditions hold (at once if they do), or false when the time runs out first.
  [[nodiscard]] detail::EventWaitUntil wait_for(std::chrono::nanoseconds timeout,
                                                std::source_location where = std::source_location::current()) noexcept {
    return ready_.wait_for(timeout, where);
  }
  [[nodiscard]] detail::EventWaitUntil wait_until(
      Instant deadline, std::source_location where = std::source_location::current()) noexcept {
    return ready_.wait_until(deadline, where);
  }

 private:
  struct Condition {
    Label name;
    bool holds = false;
  };

  Condition& find(Label name);
  void update() noexcept;

  std::vector<Condition> conditions_;
  Event ready_;
};

}  // namespace soak

#endif  // SOAK_READINESS_GATE_H_
