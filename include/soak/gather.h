// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_GATHER_H_
#define SOAK_GATHER_H_

// Runs many tasks, a limited number at a time, and returns the outcome of each.
//
//   std::vector<Task<Receipt>> uploads = ...;
//   auto results = co_await gather(std::move(uploads), {.label = "upload", .max_concurrency = 4, .timeout = 30s});
//   for (GatherResult<Receipt>& result : results)
//     if (result.ok()) store(result.value());
//
// If one child fails, the others continue, and its result has the exception. Children start in order. They end like the
// tasks of a drained group: cancelled after the timeout, and destroyed where they stand after the grace. No child
// outlives the call. If the call is cancelled, it cancels its children and throws Cancelled when the last has ended. If
// every child has ended before it sees the cancellation, the call returns the results, and the caller gets the request
// at its next co_await. What a child throws while it unwinds is logged.

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <ranges>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "soak/detail/gather_state.h"
#include "soak/error.h"
#include "soak/metrics/label.h"
#include "soak/task.h"

namespace soak {

template <typename T>
class GatherResult;

inline constexpr std::size_t kUnlimited = std::numeric_limits<std::size_t>::max();

struct GatherOptions {
  Label label = "default";           // Children are named "<label>-<index>".
  std::size_t max_concurrency = 10;  // At least 1, or kUnlimited.
  // For the whole call. With zero or less, children get one turn.
  std::optional<std::chrono::nanoseconds> timeout = std::nullopt;
  // For each child, from its start.
  std::optional<std::chrono::nanoseconds> task_timeout = std::nullopt;
  std::chrono::nanoseconds grace = std::chrono::seconds{5};  // For cancelled children to unwind.
  // A limit shared by several calls: each child also takes a permit. Must outlive the calls.
  Semaphore* limit = nullptr;
};
static_assert(std::is_trivially_destructible_v<GatherOptions>);  // For g++ 12, see task.h.

struct GatherChunkedOptions {
  std::size_t chunk_size = 10;  // At least 1.
  Label label = "default";
  std::optional<std::chrono::nanoseconds> timeout = std::nullopt;  // For the whole call.
  std::optional<std::chrono::nanoseconds> task_timeout = std::nullopt;
  std::chrono::nanoseconds grace = std::chrono::seconds{5};
  Semaphore* limit = nullptr;
};
static_assert(std::is_trivially_destructible_v<GatherChunkedOptions>);

// Results are in the order of `tasks`. Metrics: async_gather_failures_total{label} (exceptions and timeouts) and
// async_gather_duration_seconds{label}. The log has each failure with its index and name. Throws
// Error(Errc::kInvalidArgument) for invalid options.
template <typename T>
[[nodiscard]] Task<std::vector<GatherResult<T>>> gather(std::vector<Task<T>> tasks, GatherOptions options = {},
                                                        std::source_location where = std::source_location::current());

// Like gather(), one chunk of the range at a time: it pulls the next chunk when every task of the previous one has
// ended. The elements of `range` are tasks. A view that creates them, such as `ids | std::views::transform(fetch)`,
// creates each chunk when it is due. After the timeout, nothing more is pulled. The rest of a sized range is then
// reported as timed out; with any other range, there are results only for the tasks that were pulled.
template <std::ranges::input_range Range>
[[nodiscard]] auto gather_chunked(Range range, GatherChunkedOptions options = {},
                                  std::source_location where = std::source_location::current())
    -> Task<std::vector<GatherResult<typename detail::TaskResult<std::ranges::range_value_t<Range>>::type>>>;

enum class GatherOutcome : std::uint8_t {
  kValue,      // It returned.
  kFailed,     // It threw.
  kTimedOut,   // The time ran out: it was cancelled for that reason, or never started.
  kCancelled,  // It ended with Cancelled, for a reason other than a timeout.
};

// "value", "failed", "timed out", "cancelled".
std::string_view to_string(GatherOutcome outcome);

// The outcome of one child. For Task<T&> the value is the reference. Task<> has no value.
template <typename T>
class GatherResult {
 public:
  GatherOutcome outcome() const noexcept { return static_cast<GatherOutcome>(left_.index()); }
  bool ok() const noexcept { return left_.index() == 0; }

  // Returns the value. Rethrows the child's exception; throws Error(Errc::kTimeout) after a timeout, and Cancelled
  // after a cancellation.
  decltype(auto) value() {
    require_value();
    if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(*std::get<0>(left_));
    } else if constexpr (!std::is_void_v<T>) {
      return (std::get<0>(left_));
    }
  }

  // The child's exception; null unless it failed.
  std::exception_ptr error() const noexcept {
    const auto* failure = std::get_if<1>(&left_);
    return failure != nullptr ? *failure : nullptr;
  }
  // The text of that exception; empty unless the child failed.
  std::string what() const { return ok() || error() == nullptr ? std::string() : detail::what_of(error()); }

 private:
  friend class detail::GatherOf<T>;
  struct NoTime {};
  struct Stopped {};

  void require_value() {
    if (auto* failure = std::get_if<1>(&left_)) {
      std::rethrow_exception(*failure);
    }
    if (outcome() == GatherOutcome::kTimedOut) {
      throw Error(Errc::kTimeout, "a gathered task has no value: it timed out");
    }
    if (outcome() == GatherOutcome::kCancelled) {
      throw Cancelled{};
    }
  }

  std::variant<detail::Kept<T>, std::exception_ptr, NoTime, Stopped> left_{std::in_place_index<3>};
};

// Implementation only from here.

namespace detail {

template <typename T>
class GatherOf final : public GatherState {
 public:
  GatherOf(EventLoop& loop, std::vector<Task<T>> tasks, const GatherOptions& options, std::source_location where)
      : GatherState(loop.core(), options, tasks.size(), std::is_void_v<T>, where),
        tasks_(std::move(tasks)),
        results_(tasks_.size()) {
    for (const Task<T>& task : tasks_) {
      if (!task.valid()) {
        contract_broken("gather() of a Task that was moved from, awaited or started before");
      }
    }
  }

  ~GatherOf() {
    if (is_timeout() && !results_.empty() && results_.front().error() != nullptr) {
      log_untold(results_.front().error());
    }
  }

  std::vector<GatherResult<T>> take_results() { return std::move(results_); }

  static GatherResult<T> timed_out() {
    GatherResult<T> result;
    result.left_.template emplace<2>();
    return result;
  }

 private:
  std::coroutine_handle<> take_frame(std::size_t index, Root*& root) noexcept override {
    constexpr std::size_t kAhead = 8;
    if (index + kAhead < tasks_.size()) {
      __builtin_prefetch(tasks_[index + kAhead].handle_.address(), 1);
    }
    const auto frame = std::exchange(tasks_[index].handle_, nullptr);
    if constexpr (std::is_void_v<T>) {
      root = &frame.promise();
    }
    frame.promise().PromiseBase::root = root;
    return frame;
  }

  std::exception_ptr keep_outcome(std::size_t index, std::coroutine_handle<> ended) noexcept override {
    auto& promise = std::coroutine_handle<Promise<T>>::from_address(ended.address()).promise();
    GatherResult<T>& result = results_[index];
    if constexpr (std::is_void_v<T>) {
      if (promise.failure) {
        result.left_.template emplace<1>(promise.failure);
        return std::move(promise.failure);
      }
      result.left_.template emplace<0>();
    } else {
      if (auto* failure = std::get_if<2>(&promise.result)) {
        result.left_.template emplace<1>(*failure);
        return std::move(*failure);
      }
      result.left_.template emplace<0>(std::move(std::get<1>(promise.result)));
    }
    return nullptr;
  }

  std::exception_ptr failure_of(std::coroutine_handle<> ended) const noexcept override {
    auto& promise = std::coroutine_handle<Promise<T>>::from_address(ended.address()).promise();
    if constexpr (std::is_void_v<T>) {
      return promise.failure;
    } else {
      const auto* failure = std::get_if<2>(&promise.result);
      return failure != nullptr ? *failure : nullptr;
    }
  }

  void keep_timeout(std::size_t index) noexcept override { results_[index].left_.template emplace<2>(); }

  std::size_t failures() const noexcept override {
    std::size_t count = 0;
    for (const GatherResult<T>& result : results_) {
      count += result.outcome() == GatherOutcome::kFailed || result.outcome() == GatherOutcome::kTimedOut ? 1U : 0U;
    }
    return count;
  }

  std::vector<Task<T>> tasks_;
  std::vector<GatherResult<T>> results_;
};

}  // namespace detail

template <typename T>
Task<std::vector<GatherResult<T>>> gather(std::vector<Task<T>> tasks, GatherOptions options,
                                          std::source_location where) {
  EventLoop& loop = co_await this_loop();
  detail::GatherOf<T> state(loop, std::move(tasks), options, where);
  Task<> running = state.run();
  co_await std::move(running);
  co_return state.take_results();
}

template <std::ranges::input_range Range>
auto gather_chunked(Range range, GatherChunkedOptions options, std::source_location where)
    -> Task<std::vector<GatherResult<typename detail::TaskResult<std::ranges::range_value_t<Range>>::type>>> {
  using T = typename detail::TaskResult<std::ranges::range_value_t<Range>>::type;
  EventLoop& loop = co_await this_loop();
  detail::require_chunk_size(options.chunk_size);
  const detail::GatherClock clock(loop, options.label, options.timeout);
  std::vector<GatherResult<T>> results;
  std::size_t size = 0;
  if constexpr (std::ranges::sized_range<Range>) {
    size = static_cast<std::size_t>(std::ranges::size(range));
  }
  auto next = std::ranges::begin(range);
  const auto end = std::ranges::end(range);
  // A range may create its elements as it advances, so advance only when one more element is due.
  bool taken = false;
  const auto advance = [&] {
    if (taken) {
      ++next;
    }
    taken = false;
    return next != end;
  };
  while (!clock.expired() && advance()) {
    std::vector<Task<T>> chunk;
    do {
      chunk.push_back(Task<T>(std::move(*next)));
      taken = true;
    } while (chunk.size() < options.chunk_size && advance());
    GatherOptions each{.label = options.label,
                       .max_concurrency = options.chunk_size,
                       .timeout = clock.left(),
                       .task_timeout = options.task_timeout,
                       .grace = options.grace,
                       .limit = options.limit};
    detail::GatherOf<T> state(loop, std::move(chunk), each, where);
    state.number_from(results.size());
    Task<> running = state.run();
    co_await std::move(running);
    std::vector<GatherResult<T>> ended = state.take_results();
    for (GatherResult<T>& result : ended) {
      results.push_back(std::move(result));
    }
  }
  if (results.size() < size) {
    clock.count_never_started(size - results.size());
    for (std::size_t missing = size - results.size(); missing > 0; --missing) {
      results.push_back(detail::GatherOf<T>::timed_out());
    }
  }
  co_return results;
}

}  // namespace soak

#endif  // SOAK_GATHER_H_
