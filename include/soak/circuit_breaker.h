// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_CIRCUIT_BREAKER_H_
#define SOAK_CIRCUIT_BREAKER_H_

// Stops the calls to a service that keeps failing, and finds out when it works again.
//
//   CircuitBreaker breaker(loop, {.label = "speech", .failure_threshold = 5, .reset_timeout = 30s});
//   const Text text = co_await breaker.call(with_timeout(5s, transcribe(audio)));
//
// Put the timeout inside, as here: a call that is cancelled counts for nothing, so a timeout around it would keep a
// service that hangs from ever opening the circuit.
//
// The circuit is closed, and calls go through, until `failure_threshold` of them have failed in a row. Then it is open:
// calls fail at once with Error(Errc::kCircuitOpen), and their tasks never run. After `reset_timeout` it is half open:
// one call goes through as a probe, the others still fail at once. If the probe succeeds, the circuit closes; if it
// fails, the circuit is open for another `reset_timeout`; if it is cancelled, the next call is the probe.
//
// A call that began before the circuit opened or closed no longer changes it. Use a breaker only on the thread of its
// loop.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/metrics/label.h"
#include "soak/task.h"

namespace soak {

enum class CircuitState : std::uint8_t {
  kClosed,    // Calls go through.
  kOpen,      // Calls are rejected.
  kHalfOpen,  // One call goes through as a probe.
};

// "closed", "open", "half open".
std::string_view to_string(CircuitState state);

struct CircuitBreakerOptions {
  Label label = "default";            // For its metrics, its log and its errors.
  std::size_t failure_threshold = 5;  // Failures in a row that open the circuit; at least 1.
  std::chrono::nanoseconds reset_timeout = std::chrono::seconds{30};  // From opening to the probe.
  // Whether an exception means that the service fails; null if every exception does. One that does not, such as the
  // answer that a request was malformed, shows that the service works, so it counts as a success.
  bool (*is_failure)(const std::exception_ptr& thrown) = nullptr;
};
static_assert(std::is_trivially_destructible_v<CircuitBreakerOptions>);  // For g++ 12, see task.h.

namespace detail {

class Circuit;

}  // namespace detail

// A call that a breaker let through. Report its outcome once; without one, as when the call is cancelled, the call
// counts for nothing.
class [[nodiscard]] CircuitCall {
 public:
  CircuitCall(CircuitCall&& other) noexcept = default;
  CircuitCall& operator=(CircuitCall&& other) = delete;
  ~CircuitCall();

  void succeed() noexcept;
  // `why` is for the log and the errors.
  void fail(std::string_view why) noexcept;
  // As call() does: by CircuitBreakerOptions::is_failure.
  void fail(const std::exception_ptr& thrown) noexcept;

 private:
  friend class CircuitBreaker;
  CircuitCall(std::shared_ptr<detail::Circuit> circuit, std::uint64_t period) noexcept
      : circuit_(std::move(circuit)), period_(period) {}

  std::shared_ptr<detail::Circuit> circuit_;  // Null once its outcome is known.
  std::uint64_t period_;
};

// Metrics: async_circuit_breaker_opened_total{label}, async_circuit_breaker_rejected_total{label}, and the gauge
// async_circuit_breakers_open{label} of those that are open or half open. The log has each opening, with the last
// failure, and each closing.
class CircuitBreaker {
 public:
  // Throws Error(Errc::kInvalidArgument) if `failure_threshold` is 0.
  explicit CircuitBreaker(EventLoop& loop, CircuitBreakerOptions options = {});
  CircuitBreaker(const CircuitBreaker&) = delete;
  CircuitBreaker& operator=(const CircuitBreaker&) = delete;

  // Runs `task`, and returns its value or rethrows its exception. Cancelled is no failure. Throws
  // Error(Errc::kCircuitOpen) if the circuit does not let it through.
  template <typename T>
  [[nodiscard]] Task<T> call(Task<T> task);

  // For calls whose failure is no exception. begin() throws Error(Errc::kCircuitOpen) where try_begin() returns
  // nullopt.
  CircuitCall begin();
  [[nodiscard]] std::optional<CircuitCall> try_begin();

  CircuitState state() const noexcept;

 private:
  explicit CircuitBreaker(std::shared_ptr<detail::Circuit> circuit) noexcept : circuit_(std::move(circuit)) {}

  template <typename T>
  static Task<T> run(std::shared_ptr<detail::Circuit> circuit, Task<T> task);

  std::shared_ptr<detail::Circuit> circuit_;  // Shared with the calls under way.
};

// Implementation only from here.

template <typename T>
Task<T> CircuitBreaker::call(Task<T> task) {
  return run(circuit_, std::move(task));
}

template <typename T>
Task<T> CircuitBreaker::run(std::shared_ptr<detail::Circuit> circuit, Task<T> task) {
  CircuitBreaker through(std::move(circuit));
  CircuitCall call = through.begin();
  try {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(task);
      call.succeed();
    } else {
      T result = co_await std::move(task);
      call.succeed();
      co_return std::forward<T>(result);
    }
  } catch (const Cancelled&) {
    throw;
  } catch (...) {
    call.fail(std::current_exception());
    throw;
  }
}

}  // namespace soak

#endif  // SOAK_CIRCUIT_BREAKER_H_
