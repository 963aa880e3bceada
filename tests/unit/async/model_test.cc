// SPDX-License-Identifier: Apache-2.0
// Random trees of tasks, run on a shuffled VirtualLoop and compared with a reference that knows nothing of coroutines.
//
// A failure prints its seed and its tree; SOAK_MODEL_SEED=<seed> runs that one alone, and prints its event log too.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "model/reference.h"
#include "model/tree.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/gather.h"
#include "soak/log.h"
#include "soak/metrics/metrics.h"
#include "soak/queue.h"
#include "soak/run_blocking.h"
#include "soak/semaphore.h"
#include "soak/session.h"
#include "soak/supervise.h"
#include "soak/task.h"
#include "soak/timeout.h"

namespace soak::model {
namespace {

using std::chrono_literals::operator""ns;

constexpr std::uint64_t kSeeds = 10'000;

double seconds(Nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

class Failure : public std::runtime_error {
 public:
  explicit Failure(int id) : std::runtime_error(fmt::format("failure of {}", id)), id_(id) {}
  int id() const { return id_; }

 private:
  int id_;
};

// Whose failure it is, as Prediction::failures says it; -1 for what nobody here throws.
int failure_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Failure& failure) {
    return failure.id();
  } catch (const Error& error) {
    const std::string what = error.what();
    if (error.code() != Errc::kTimeout || what.rfind("bounded-", 0) != 0) {
      return -1;
    }
    return std::atoi(what.c_str() + 8) + kOfTimeout;
  } catch (...) {
    return -1;
  }
}

// What was seen of a node.
struct Seen {
  unsigned ends = kNothing;
  int failure = -1;
  Nanoseconds end{};
  int entered = 0;
  int left = 0;
  bool closed = false;  // Who owns it has gone on: no line of it may run any more.
  TaskGroup* group = nullptr;
  std::optional<Counts> drained;
  std::optional<ExitReason> exit;
  std::optional<std::vector<unsigned>> results;
  std::vector<std::optional<int>> values;
};

class World;

// A parameter of each task's frame: lives as long as that, also when the task never ran.
class Frame {
 public:
  explicit Frame(int& alive) : alive_(&alive), memory_(std::make_unique<int>(0)) { ++alive; }
  Frame(Frame&& other) noexcept : alive_(std::exchange(other.alive_, nullptr)), memory_(std::move(other.memory_)) {}
  Frame& operator=(Frame&&) = delete;
  ~Frame() {
    if (alive_ != nullptr) {
      --*alive_;
    }
  }

 private:
  int* alive_;
  std::unique_ptr<int> memory_;
};

class World {
 public:
  World(const Tree& tree, std::string* log)
      : tree_(tree), loop_({.seed = tree.seed, .shuffle = true}), limit_(tree.permits), seen_(tree.nodes.size()) {
    loop_.record_events(log);
    for (int i = 0; i < kEvents; ++i) {
      events_.emplace_back();
    }
  }

  void run() {
    loop_.run(live());
    left_ = loop_.live_tasks();
    stragglers_ = loop_.stragglers().size();
  }

  // Where the promises that need no prediction were broken.
  const std::vector<std::string>& breaches() const { return breaches_; }
  const Seen& seen(int id) const { return seen_[static_cast<std::size_t>(id)]; }
  Nanoseconds end() const { return end_; }
  std::size_t left() const { return left_; }
  std::size_t stragglers() const { return stragglers_; }
  int frames() const { return frames_; }
  std::size_t permits() const { return limit_.available(); }

 private:
  Seen& seen(int id) { return seen_[static_cast<std::size_t>(id)]; }
  const Node& node(int id) const { return tree_.nodes[static_cast<std::size_t>(id)]; }
  void breach(std::string what) { breaches_.push_back(fmt::format("{} s: {}", seconds(loop_.elapsed()), what)); }
  void require_open(int id) {
    if (seen(id).closed) {
      breach(fmt::format("{} runs after its owner has gone on", id));
    }
  }

  // The life of a task from its first turn on.
  class Life {
   public:
    Life(World& world, int id) : world_(world), id_(id), memory_(std::make_unique<int>(id)) {
      ++world_.seen(id).entered;
      world_.require_open(id);
    }
    ~Life() {
      Seen& seen = world_.seen(id_);
      ++seen.left;
      if (seen.left != seen.entered) {
        world_.breach(fmt::format("{} was destroyed twice", id_));
      }
      if (!told_) {
        leave(kForced);
      }
    }
    Life(const Life&) = delete;
    Life& operator=(const Life&) = delete;

    void leave(unsigned how) {
      Seen& seen = world_.seen(id_);
      told_ = true;
      seen.ends = how;
      seen.end = world_.loop_.elapsed();
      world_.require_open(id_);
    }
    void fail(const std::exception_ptr& thrown) {
      leave(kFailed);
      world_.seen(id_).failure = failure_of(thrown);
    }

   private:
    World& world_;
    int id_;
    std::unique_ptr<int> memory_;
    bool told_ = false;
  };

  // Stands around a call that owns children: when it is gone they must be, and within the bound that it was given.
  class Owner {
   public:
    Owner(World& world, int id) : world_(world), id_(id) {}
    ~Owner() {
      world_.seen(id_).group = nullptr;
      world_.close_below(id_);
      const Node& node = world_.node(id_);
      if (!bounded_since_) {
        return;
      }
      const Nanoseconds bound = std::max(*node.timeout, 0ns) + std::max(node.grace, 0ns);
      if (world_.loop_.elapsed() - *bounded_since_ > bound) {
        world_.breach(fmt::format("{} took longer than its timeout and its grace", id_));
      }
    }
    Owner(const Owner&) = delete;
    Owner& operator=(const Owner&) = delete;

    void bound_from_now() { bounded_since_ = world_.loop_.elapsed(); }

   private:
    World& world_;
    int id_;
    std::optional<Nanoseconds> bounded_since_;
  };

  void close_below(int id) {
    for (const int child : node(id).children) {
      Seen& below = seen(child);
      below.closed = true;
      if (below.entered != below.left) {
        breach(fmt::format("{} outlives its owner {}", child, id));
      }
      close_below(child);
    }
  }

  // Tasks

  Task<> live() {
    TaskGroup root(loop_);
    TaskGroup outside(loop_);
    seen(0).group = &root;
    for (const int child : node(0).children) {
      root.start({"node", child}, as_void(child), node(child).task_kind);
    }
    for (std::size_t i = 0; i < tree_.steps.size(); ++i) {
      outside.start({"outside", i}, take(tree_.steps[i], root));
    }
    co_await sleep_for(node(0).duration);
    const DrainOptions options{.timeout = *node(0).timeout, .grace = node(0).grace};
    const Instant began = loop_.now();
    const DrainResult result = co_await drain(root, options);
    keep(0, result);
    end_ = loop_.elapsed();
    if (loop_.now() - began > std::max(options.timeout, 0ns) + std::max(options.grace, 0ns)) {
      breach("the root took longer than its timeout and its grace");
    }
    close_below(0);
    seen(0).group = nullptr;
    const DrainOptions now{.cancel_first = true};
    (void)co_await drain(outside, now);
  }

  Task<> take(const Step& step, TaskGroup& root) {
    co_await sleep_until(Instant(step.at));
    TaskGroup* const group = seen(step.target % static_cast<int>(tree_.nodes.size())).group;
    switch (step.what) {
      case Step::What::kCancel:
        if (group != nullptr) {
          group->cancel();
        }
        break;
      case Step::What::kEndInPlace:
        if (group != nullptr) {
          group->end_in_place();
        }
        break;
      case Step::What::kSetEvent:
        events_[static_cast<std::size_t>(step.target)].set();
        break;
      case Step::What::kDrain: {
        const DrainOptions options{.timeout = step.timeout, .grace = step.grace};
        const DrainResult result = co_await drain(root, options);
        if (!root.empty()) {
          breach("a drain from outside left the root with tasks");
        }
        if (loop_.elapsed() - step.at > std::max(step.timeout, 0ns) + std::max(step.grace, 0ns)) {
          breach("a drain from outside took longer than its timeout and its grace");
        }
        break;
      }
    }
  }

  Task<int> run_node(int id, Frame) {
    Life life(*this, id);
    try {
      co_await sleep_for(node(id).delay);
      require_open(id);
      Task<> working = work(id);
      co_await std::move(working);
      life.leave(kValue);
    } catch (const Cancelled&) {
      life.leave(kCancelled);
      throw;
    } catch (...) {
      life.fail(std::current_exception());
      throw;
    }
    co_return id;
  }
  Task<int> as_task(int id) { return run_node(id, Frame(frames_)); }

  Task<> run_void(int id, Frame frame) {
    Task<int> running = run_node(id, std::move(frame));
    (void)co_await std::move(running);
  }
  Task<> as_void(int id) { return run_void(id, Frame(frames_)); }

  Task<> work(int id) {
    switch (node(id).kind) {
      case Kind::kSleep:
      case Kind::kThrow:
      case Kind::kThrowCancelled:
        return sleep_and_end(id);
      case Kind::kForever:
      case Kind::kEvent:
      case Kind::kPoll:
        return wait_for_event(id);
      case Kind::kSwallow:
      case Kind::kSwallowAll:
        return swallow(id);
      case Kind::kThrowOnCancel:
      case Kind::kCleanup:
        return answer_cancellation(id);
      case Kind::kBlocking:
        return call(id);
      case Kind::kHold:
        return hold(id);
      case Kind::kListen:
        return listen(id);
      case Kind::kGroup:
        return own_group(id);
      case Kind::kPipe:
        return own_pipe(id);
      case Kind::kSession:
        return own_session(id);
      case Kind::kAbandon:
        return abandon_group(id);
      case Kind::kGather:
      case Kind::kChunked:
        return node(id).of_void ? gather_them<void>(id) : gather_them<int>(id);
      case Kind::kTimeout:
        return bound_one(id);
      case Kind::kProduce:
        return produce(id);
      case Kind::kConsume:
        return consume(id);
    }
    std::abort();
  }

  Task<> sleep_and_end(int id) {
    co_await sleep_for(node(id).duration);
    if (node(id).kind == Kind::kThrow) {
      throw Failure(id);
    }
    if (node(id).kind == Kind::kThrowCancelled) {
      throw Cancelled{};
    }
  }

  Task<> wait_for_event(int id) {
    Event& event = node(id).kind == Kind::kForever ? never_ : events_[static_cast<std::size_t>(node(id).event)];
    if (node(id).kind == Kind::kPoll) {
      for (bool came = false; !came;) {
        came = co_await event.wait_for(node(id).period);
        require_open(id);
      }
    } else {
      co_await event.wait();
    }
    require_open(id);
    co_await sleep_for(node(id).duration);
  }

  Task<> swallow(int id) {
    const Instant until = node(id).kind == Kind::kSwallowAll ? Instant::max() : loop_.now() + node(id).duration;
    for (int swallowed = 0;; ++swallowed) {
      try {
        co_await sleep_until(until);
        co_return;
      } catch (const Cancelled&) {
        require_open(id);
        if (node(id).kind == Kind::kSwallow && swallowed == node(id).swallows) {
          throw;
        }
      }
    }
  }

  Task<> answer_cancellation(int id) {
    bool cancelled = false;
    try {
      co_await sleep_for(node(id).duration);
    } catch (const Cancelled&) {
      cancelled = true;
    }
    if (!cancelled) {
      co_return;
    }
    if (node(id).kind == Kind::kThrowOnCancel) {
      throw Failure(id);
    }
    co_await sleep_for(node(id).period);
    require_open(id);
    throw Cancelled{};
  }

  Task<> call(int id) {
    const Nanoseconds duration = node(id).endless ? Nanoseconds::max() : node(id).duration;
    const int answer = co_await run_blocking([id] { return id; }, {.virtual_duration = duration});
    if (answer != id) {
      breach(fmt::format("the blocking call of {} returned {}", id, answer));
    }
    require_open(id);
    if (node(id).period > 0ns) {
      co_await sleep_for(node(id).period);
    }
  }

  Task<> hold(int id) {
    const Permit permit = co_await limit_.acquire();
    require_open(id);
    if (!permit.held()) {
      breach(fmt::format("{} got no permit", id));
    }
    co_await sleep_for(node(id).duration);
  }

  Task<> listen(int id) {
    Event& shutdown = *shutdowns_[static_cast<std::size_t>(node(id).parent)];
    for (bool came = false; !came;) {
      came = co_await shutdown.wait_for(node(id).period);
    }
  }

  Task<> own_group(int id) {
    Owner owner(*this, id);
    const Node& self = node(id);
    const DrainOptions options = drain_options(id);
    const auto body = [this, id, &self, &options, &owner](TaskGroup& group) -> Task<> {
      seen(id).group = &group;
      struct Ends {
        Owner& of;
        ~Ends() { of.bound_from_now(); }
      };
      const Ends ends{owner};
      for (std::size_t i = 0; i < self.children.size(); ++i) {
        if (i > 0 && self.gap > 0ns) {
          co_await sleep_for(self.gap);
        }
        const int child = self.children[i];
        group.start({"node", child}, as_void(child), node(child).task_kind);
      }
      if (self.tail == Tail::kSleep || self.tail == Tail::kThrow) {
        co_await sleep_for(self.duration);
      }
      if (self.tail == Tail::kThrow) {
        throw Failure(id);
      }
      if (self.tail == Tail::kForever) {
        co_await never_.wait();
      }
      if (self.tail == Tail::kDrain) {
        const DrainResult result = co_await drain(group, options);
        keep(id, result);
      }
    };
    const DrainResult result = co_await with_group(options, body);
    if (self.tail != Tail::kDrain) {
      keep(id, result);
    }
  }

  Task<> own_pipe(int id) {
    Owner owner(*this, id);
    Queue<int> queue(node(id).capacity);
    pipes_[static_cast<std::size_t>(id)] = {&queue, 0, 0};
    const DrainOptions options = drain_options(id);
    const auto body = [this, id](TaskGroup& group) -> Task<> {
      seen(id).group = &group;
      for (const int child : node(id).children) {
        group.start({"node", child}, as_void(child), node(child).task_kind);
        if (child == node(id).children.front() && node(id).gap > 0ns) {
          co_await sleep_for(node(id).gap);
        }
      }
    };
    std::exception_ptr thrown;
    try {
      const DrainResult result = co_await with_group(options, body);
      keep(id, result);
    } catch (...) {
      thrown = std::current_exception();
    }
    const Pipe& pipe = pipes_[static_cast<std::size_t>(id)];
    if (pipe.pushed != pipe.popped + static_cast<int>(queue.size())) {
      breach(fmt::format("queue of {}: {} pushed, {} popped, {} left", id, pipe.pushed, pipe.popped, queue.size()));
    }
    if (thrown) {
      std::rethrow_exception(thrown);
    }
  }

  Task<> produce(int id) {
    Pipe& pipe = pipes_[static_cast<std::size_t>(node(id).parent)];
    for (int i = 0; i < node(id).items; ++i) {
      co_await sleep_for(node(id).duration);
      int item = i;
      const bool accepted = co_await pipe.queue->push(std::move(item));
      require_open(id);
      if (!accepted) {
        breach(fmt::format("{} could not push", id));
      }
      ++pipe.pushed;
    }
    pipe.queue->close();
  }

  Task<> consume(int id) {
    Pipe& pipe = pipes_[static_cast<std::size_t>(node(id).parent)];
    for (;;) {
      const std::optional<int> item = co_await pipe.queue->pop();
      require_open(id);
      if (!item) {
        break;
      }
      if (*item != pipe.popped) {
        breach(fmt::format("{} popped {}, not {}", id, *item, pipe.popped));
      }
      ++pipe.popped;
      co_await sleep_for(node(id).duration);
    }
  }

  Task<> own_session(int id) {
    Owner owner(*this, id);
    const SessionOptions options{.label = "model", .timeout = *node(id).timeout, .grace = node(id).grace};
    Session session(loop_, options);
    shutdowns_[static_cast<std::size_t>(id)] = &session.shutdown();
    seen(id).group = &session.tasks();
    for (const int child : node(id).children) {
      session.start({"node", child}, as_void(child), node(child).task_kind);
    }
    const SessionResult result = co_await session.run();
    keep(id, result.drained);
    seen(id).exit = result.exit.reason;
  }

  Task<> abandon_group(int id) {
    const Owner owner(*this, id);
    TaskGroup group(loop_);
    seen(id).group = &group;
    for (std::size_t i = 0; i < node(id).children.size(); ++i) {
      if (i > 0 && node(id).gap > 0ns) {
        co_await sleep_for(node(id).gap);
      }
      const int child = node(id).children[i];
      group.start({"node", child}, as_void(child), node(child).task_kind);
    }
    if (node(id).tail == Tail::kForever) {
      co_await never_.wait();
    } else if (node(id).tail != Tail::kReturn) {
      co_await sleep_for(node(id).duration);
    }
    throw Failure(id);
  }

  template <typename T>
  Task<T> make(int id) {
    if constexpr (std::is_void_v<T>) {
      return as_void(id);
    } else {
      return as_task(id);
    }
  }

  template <typename T>
  Task<> gather_them(int id) {
    const Owner owner(*this, id);
    const Node& self = node(id);
    Semaphore* const limit = self.limited ? &limit_ : nullptr;
    std::vector<Task<T>> tasks;
    for (const int child : self.children) {
      tasks.push_back(make<T>(child));
    }
    std::vector<GatherResult<T>> results;
    if (self.kind == Kind::kGather) {
      const GatherOptions options{.label = "model",
                                  .max_concurrency = self.concurrency,
                                  .timeout = self.timeout,
                                  .task_timeout = self.task_timeout,
                                  .grace = self.grace,
                                  .limit = limit};
      results = co_await gather(std::move(tasks), options);
    } else {
      const GatherChunkedOptions options{.chunk_size = self.concurrency,
                                         .label = "model",
                                         .timeout = self.timeout,
                                         .task_timeout = self.task_timeout,
                                         .grace = self.grace,
                                         .limit = limit};
      results = co_await gather_chunked(std::move(tasks), options);
    }
    keep_results(id, results);
  }

  template <typename T>
  void keep_results(int id, std::vector<GatherResult<T>>& results) {
    Seen& self = seen(id);
    self.results.emplace();
    for (GatherResult<T>& result : results) {
      static constexpr unsigned kBits[] = {kValue, kFailed, kTimedOut, kCancelled};  // As GatherOutcome counts them.
      self.results->push_back(kBits[static_cast<std::size_t>(result.outcome())]);
      std::optional<int> value;
      if constexpr (!std::is_void_v<T>) {
        if (result.ok()) {
          value = result.value();
        }
      }
      if (result.error() != nullptr) {
        value = failure_of(result.error());
      }
      self.values.push_back(value);
    }
  }

  Task<> bound_one(int id) {
    Owner owner(*this, id);
    owner.bound_from_now();
    const int child = node(id).children.front();
    const TimeoutOptions options{.name = {"bounded", id}, .grace = node(id).grace};
    Task<int> task = as_task(child);
    const int value = co_await with_timeout(*node(id).timeout, std::move(task), options);
    if (value != child) {
      breach(fmt::format("with_timeout {} returned {}, not {}", id, value, child));
    }
  }

  DrainOptions drain_options(int id) const {
    DrainOptions options;
    options.timeout = *node(id).timeout;
    options.grace = node(id).grace;
    if (node(id).deadline) {
      options.deadline = Instant(*node(id).deadline);
    }
    options.cancel_first = node(id).cancel_first;
    options.carry_on = true;
    options.label = "model";
    return options;
  }

  void keep(int id, const DrainResult& result) {
    seen(id).drained = Counts{.completed = result.completed,
                              .cancelled = result.cancelled,
                              .forced = result.forced,
                              .failed = result.failed,
                              .background_failed = result.background_failed,
                              .unresponsive = result.unresponsive.size()};
  }

  struct Pipe {
    Queue<int>* queue = nullptr;
    int pushed = 0;
    int popped = 0;
  };

  const Tree& tree_;
  VirtualLoop loop_;
  Event never_;
  std::deque<Event> events_;
  Semaphore limit_;
  std::vector<Seen> seen_;
  std::vector<Pipe> pipes_ = std::vector<Pipe>(tree_.nodes.size());
  std::vector<Event*> shutdowns_ = std::vector<Event*>(tree_.nodes.size());
  std::vector<std::string> breaches_;
  Nanoseconds end_{};
  std::size_t left_ = 0;
  std::size_t stragglers_ = 0;
  int frames_ = 0;
};

std::string to_string(const Counts& counts) {
  return fmt::format("completed {} cancelled {} forced {} failed {} in the background {} unresponsive {}",
                     counts.completed, counts.cancelled, counts.forced, counts.failed, counts.background_failed,
                     counts.unresponsive);
}

// All that differs between what was seen of a node and what was predicted.
void compare(const Node& node, const Prediction& expected, const Seen& seen, std::vector<std::string>& differences) {
  const auto differ = [&](const std::string& what) {
    differences.push_back(fmt::format("node {}: {}", node.id, what));
  };
  // Whoever was ended in the instant of its start may have had no turn.
  const bool may_not_run = expected.ends == kNothing || expected.end == expected.start;
  if (seen.entered == 0) {
    if (!may_not_run) {
      differ(fmt::format("never ran, predicted {}", expected.ends));
    }
    return;
  }
  if ((seen.ends & expected.ends) == 0) {
    differ(fmt::format("ended {}, predicted {}", seen.ends, expected.ends));
  }
  if (seen.end != expected.end) {
    differ(fmt::format("ended at {} s, predicted {} s", seconds(seen.end), seconds(expected.end)));
  }
  if (seen.ends == kFailed && expected.failures.count(seen.failure) == 0) {
    differ(fmt::format("failed with {}, which was not predicted", seen.failure));
  }
  if (seen.exit && (expected.exits >> static_cast<unsigned>(*seen.exit) & 1U) == 0) {
    differ(fmt::format("exit {}, predicted {}", to_string(*seen.exit), expected.exits));
  }
  if (!seen.results) {
    return;
  }
  if (seen.results->size() != node.children.size()) {
    differ(fmt::format("{} results for {} tasks", seen.results->size(), node.children.size()));
    return;
  }
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    const unsigned result = (*seen.results)[i];
    if ((result & expected.results[i]) == 0) {
      differ(fmt::format("result {} is {}, predicted {}", i, result, expected.results[i]));
    }
    if (result == kValue && seen.values[i].value_or(node.children[i]) != node.children[i]) {
      differ(fmt::format("result {} has the value of {}", i, *seen.values[i]));
    }
  }
}

void compare(const Tree& tree, const Forecast& forecast, const World& world, std::vector<std::string>& differences) {
  for (const Node& node : tree.nodes) {
    const Prediction& expected = forecast.nodes[static_cast<std::size_t>(node.id)];
    const Seen& seen = world.seen(node.id);
    if (node.id != 0) {
      compare(node, expected, seen, differences);
    }
    if (seen.drained && expected.exact && !(*seen.drained == expected.drained)) {
      differences.push_back(
          fmt::format("node {}: {}, predicted {}", node.id, to_string(*seen.drained), to_string(expected.drained)));
    }
    for (std::size_t i = 0; seen.results && i < seen.results->size(); ++i) {
      if ((*seen.results)[i] != kFailed) {
        continue;
      }
      const std::set<int>& failures = forecast.nodes[static_cast<std::size_t>(node.children[i])].failures;
      if (failures.count(*seen.values[i]) == 0) {
        differences.push_back(fmt::format("node {}: result {} failed with {}", node.id, i, *seen.values[i]));
      }
    }
  }
  if (world.end() != forecast.end) {
    differences.push_back(fmt::format("ended at {} s, predicted {} s", seconds(world.end()), seconds(forecast.end)));
  }
  const auto require = [&](const char* what, std::size_t is, std::size_t expected) {
    if (is != expected) {
      differences.push_back(fmt::format("{}: {}, predicted {}", what, is, expected));
    }
  };
  require("live tasks at the end", world.left(), forecast.stragglers);
  require("stragglers at the end", world.stragglers(), forecast.stragglers);
  require("frames at the end", static_cast<std::size_t>(world.frames()), 0);
  require("permits at the end", world.permits(), tree.permits);
}

class ModelTest : public testing::Test {
 protected:
  ModelTest() : sink_(set_log_sink([](const LogRecord&) {})) {}
  ~ModelTest() override { set_log_sink(sink_); }

  static double sessions() {
    return metrics::gauge("async_sessions", "Sessions that have started and not ended.", {{"label", "model"}}).value();
  }

  // What is wrong with a seed; nothing, if it is as predicted.
  static std::vector<std::string> run(const Tree& tree, std::string& log) {
    const double sessions_before = sessions();
    World world(tree, &log);
    world.run();
    std::vector<std::string> differences = world.breaches();
    compare(tree, predict(tree), world, differences);
    if (sessions() != sessions_before) {
      differences.push_back(fmt::format("{} sessions left", sessions()));
    }
    return differences;
  }

 private:
  LogSink sink_;
};

TEST_F(ModelTest, RandomTreesEndAsAReferenceSays) {
  const char* const only = std::getenv("SOAK_MODEL_SEED");
  const std::uint64_t first = only != nullptr ? std::strtoull(only, nullptr, 10) : 0;
  const std::uint64_t last = only != nullptr ? first : kSeeds - 1;
  int failed = 0;
  for (std::uint64_t seed = first; seed <= last && failed < 3; ++seed) {
    const Tree tree = grow(seed);
    std::string log;
    std::vector<std::string> differences = run(tree, log);
    std::string again;
    run(tree, again);
    if (log != again) {
      differences.push_back("a second run gave another event log");
    }
    if (only != nullptr) {
      fmt::print("{}\n{}", model::to_string(tree), log);
    }
    if (differences.empty()) {
      continue;
    }
    ++failed;
    std::string text;
    for (const std::string& difference : differences) {
      text += difference + "\n";
    }
    ADD_FAILURE() << text << model::to_string(tree) << "again: SOAK_MODEL_SEED=" << seed;
  }
}

// So that the comparison cannot become empty: the trees end in every way, and most of it is predicted exactly.
TEST_F(ModelTest, TheTreesReachEveryEnd) {
  std::map<unsigned, int> ends;
  std::map<unsigned, int> results;
  int drains = 0;
  int exact = 0;
  for (std::uint64_t seed = 0; seed < 1'000; ++seed) {
    const Tree tree = grow(seed);
    const Forecast forecast = predict(tree);
    for (const Node& node : tree.nodes) {
      const Prediction& expected = forecast.nodes[static_cast<std::size_t>(node.id)];
      ++ends[expected.ends];
      for (const unsigned result : expected.results) {
        ++results[result];
      }
      if (!has_group(node.kind)) {
        continue;
      }
      ++drains;
      if (expected.exact) {
        ++exact;
      }
    }
  }

  for (const unsigned end : {kValue, kFailed, kCancelled, kForced}) {
    EXPECT_GT(ends[end], 500) << end;
  }
  for (const unsigned result : {kValue, kFailed, kTimedOut, kCancelled}) {
    EXPECT_GT(results[result], 50) << result;
  }
  const int doubtful = ends[kValue | kForced] + ends[kFailed | kForced] + ends[kCancelled | kForced];
  EXPECT_LT(doubtful, ends[kCancelled] / 5);
  EXPECT_GT(exact, drains * 3 / 4);
}

}  // namespace
}  // namespace soak::model
