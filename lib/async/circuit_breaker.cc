// SPDX-License-Identifier: Apache-2.0
#include "soak/circuit_breaker.h"

#include <fmt/format.h>

#include <string>

#include "lib/async/async_metrics.h"
#include "lib/async/log_lines.h"
#include "lib/text/format.h"
#include "soak/detail/enum_names.h"

namespace soak {

namespace {

constexpr detail::EnumNames<CircuitState> kStateNames({{CircuitState::kClosed, "closed"},
                                                       {CircuitState::kOpen, "open"},
                                                       {CircuitState::kHalfOpen, "half open"}});

}  // namespace

std::string_view to_string(CircuitState state) { return kStateNames[state]; }

namespace detail {

// A period lasts until the circuit opens or closes. The outcome of a call of an earlier one means nothing any more.
class Circuit {
 public:
  Circuit(EventLoop& loop, const CircuitBreakerOptions& options)
      : loop_(loop), options_(options), metrics_(metrics_of<CircuitMetrics>(options.label)) {}
  ~Circuit() {
    if (open_) {
      metrics_.open.decrement();
    }
  }
  Circuit(const Circuit&) = delete;
  Circuit& operator=(const Circuit&) = delete;

  CircuitState state() const noexcept {
    if (!open_) {
      return CircuitState::kClosed;
    }
    return loop_.now() < open_until_ ? CircuitState::kOpen : CircuitState::kHalfOpen;
  }

  bool lets_through() noexcept {
    if (open_ && (probing_ || state() == CircuitState::kOpen)) {
      metrics_.rejected.increment();
      return false;
    }
    probing_ = open_;
    return true;
  }
  std::uint64_t period() const noexcept { return period_; }
  bool is_failure(const std::exception_ptr& thrown) const {
    return options_.is_failure == nullptr || options_.is_failure(thrown);
  }

  std::string rejection() const {
    const std::string next =
        probing_ ? "a probe is under way"
                 : fmt::format("one call is let through in {:.3f} s", text::seconds(open_until_ - loop_.now()));
    return fmt::format("circuit breaker '{}' is {}: {}; {}", options_.label.view(), to_string(state()), why_, next);
  }

  void succeeded(std::uint64_t period) noexcept {
    if (period != period_) {
      return;
    }
    failures_ = 0;
    if (!open_) {
      return;
    }
    open_ = probing_ = false;
    ++period_;
    metrics_.open.decrement();
    log_text(LogLevel::kInfo, loop_.now(), "circuit breaker", options_.label,
             [] { return std::string("closed: the probe succeeded"); });
  }

  void failed(std::uint64_t period, std::string_view why) noexcept {
    if (period != period_) {
      return;
    }
    ++failures_;
    if (!open_ && failures_ < options_.failure_threshold) {
      return;
    }
    if (!open_) {
      open_ = true;
      metrics_.open.increment();
      metrics_.opened.increment();
    }
    probing_ = false;
    ++period_;
    open_until_ = later(loop_.now(), options_.reset_timeout);
    why_ = fmt::format("{} call{} failed in a row, the last: {}", failures_, failures_ == 1 ? "" : "s", why);
    log_text(LogLevel::kWarning, loop_.now(), "circuit breaker", options_.label, [&] {
      return fmt::format("open for {:.3f} s: {}", text::seconds(options_.reset_timeout), text::printable(why_));
    });
  }

  void left_open(std::uint64_t period) noexcept {
    if (period == period_ && open_) {
      probing_ = false;
    }
  }

 private:
  EventLoop& loop_;
  CircuitBreakerOptions options_;
  const CircuitMetrics metrics_;
  std::uint64_t period_ = 0;
  std::size_t failures_ = 0;  // In a row.
  bool open_ = false;         // Or half open.
  bool probing_ = false;
  Instant open_until_{};
  std::string why_;
};

}  // namespace detail

CircuitCall::~CircuitCall() {
  if (circuit_ != nullptr) {
    circuit_->left_open(period_);
  }
}

void CircuitCall::succeed() noexcept {
  if (const auto circuit = std::exchange(circuit_, nullptr)) {
    circuit->succeeded(period_);
  }
}

void CircuitCall::fail(std::string_view why) noexcept {
  if (const auto circuit = std::exchange(circuit_, nullptr)) {
    circuit->failed(period_, why);
  }
}

void CircuitCall::fail(const std::exception_ptr& thrown) noexcept {
  if (circuit_ != nullptr && !circuit_->is_failure(thrown)) {
    succeed();
  } else {
    fail(detail::what_of(thrown));
  }
}

CircuitBreaker::CircuitBreaker(EventLoop& loop, CircuitBreakerOptions options) {
  if (options.failure_threshold == 0) {
    throw Error(Errc::kInvalidArgument,
                fmt::format("CircuitBreaker '{}': failure_threshold is 0: expected 1 or more", options.label.view()));
  }
  circuit_ = std::make_shared<detail::Circuit>(loop, options);
}

std::optional<CircuitCall> CircuitBreaker::try_begin() {
  if (!circuit_->lets_through()) {
    return std::nullopt;
  }
  return CircuitCall(circuit_, circuit_->period());
}

CircuitCall CircuitBreaker::begin() {
  std::optional<CircuitCall> call = try_begin();
  if (!call) {
    throw Error(Errc::kCircuitOpen, circuit_->rejection());
  }
  return std::move(*call);
}

CircuitState CircuitBreaker::state() const noexcept { return circuit_->state(); }

}  // namespace soak
