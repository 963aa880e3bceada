// SPDX-License-Identifier: Apache-2.0
// Success, failure and cancellation in one turn, through every wrapper, on a shuffled VirtualLoop.
//
// model_test.cc keeps times apart, so that it can predict each end. Here everything happens on whole seconds, several
// things in one turn, and what is checked are the promises that hold in any order:
// - An item that was pushed is received, dropped and counted, or left in its queue. It goes with a gather that was kept
//   from finishing, or with a frame that is destroyed by force, and in no other way.
// - Each failure is caught by someone or is in the log. Only what the body of a with_group() threw goes with its frame,
//   if that is destroyed by force while the group's tasks unwind.
// - A task that is cancelled gets Cancelled, at that await or at the next one, whatever else it was given before.
// - Permits, bytes, sessions and frames are all back in the end, and nothing needed force.
//
// A failure prints its seed: SOAK_MODEL_SEED=<seed> runs that one alone and prints its event log, and
// SOAK_MODEL_SEEDS=<count> sets how many are run.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "soak/byte_budget.h"
#include "soak/circuit_breaker.h"
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
#include "witness.h"

namespace soak::model {
namespace {

using std::chrono_literals::operator""s;

constexpr std::uint64_t kSeeds = 1'000;
constexpr int kTicks = 8;
constexpr std::size_t kDepth = 3;  // Of wrappers around a wait.

class Failure : public std::runtime_error {
 public:
  explicit Failure(int id) : std::runtime_error(text_of(id)), id_(id) {}
  static std::string text_of(int id) { return fmt::format("<failure {}>", id); }
  int id() const { return id_; }

 private:
  int id_;
};

// Where each item went.
struct Ledger {
  explicit Ledger(const EventLoop& owner) : loop(owner) {}

  const EventLoop& loop;
  int items = 0;
  int received = 0;
  std::set<int> destroyed;  // By nobody who had received them.
};

// Has one owner at a time; that it is destroyed by one who did not receive it is written down.
class Item {
 public:
  Item() = default;
  explicit Item(Ledger& ledger) : ledger_(&ledger), id_(++ledger.items) {}
  Item(Item&& other) noexcept : ledger_(std::exchange(other.ledger_, nullptr)), id_(other.id_) {}
  Item& operator=(Item&& other) noexcept {
    end();
    ledger_ = std::exchange(other.ledger_, nullptr);
    id_ = other.id_;
    return *this;
  }
  ~Item() { end(); }

  bool is_there() const { return ledger_ != nullptr; }
  int id() const { return id_; }
  void receive() {
    if (ledger_ != nullptr) {
      ++ledger_->received;
      ledger_ = nullptr;
    }
  }

 private:
  void end() noexcept;

  Ledger* ledger_ = nullptr;
  int id_ = 0;
};

std::size_t bytes_of(const Item& item) { return 1 + static_cast<std::size_t>(item.id()) % 3; }

class World {
 public:
  World(std::uint64_t seed, std::string* events)
      : random_(seed), loop_({.seed = seed, .shuffle = true}), ledger_(loop_), permits_(1 + below(2)) {
    loop_.record_events(events);
    budget_ = std::make_unique<ByteBudget>(2 + below(5));
    queues_.push_back(std::make_unique<Items>(1 + below(2)));
    queues_.push_back(std::make_unique<Items>(
        QueueOptions{.capacity = 1 + below(2), .when_full = WhenFull::kDropOldest, .label = "model"}));
    for (int i = 0; i < 2; ++i) {
      const WhenFull when_full = i == 0 ? WhenFull::kWait : WhenFull::kDropOldest;
      queues_.push_back(std::make_unique<Items>(
          QueueOptions{.capacity = 1 + below(3), .when_full = when_full, .label = "model"}, *budget_, bytes_of));
    }
    limit_ = std::make_unique<Semaphore>(permits_);
    breaker_ = std::make_unique<CircuitBreaker>(
        loop_, CircuitBreakerOptions{.label = "model", .failure_threshold = 2, .reset_timeout = 2s});
    for (int i = 0; i < 3; ++i) {
      events_.emplace_back();
    }
  }

  std::vector<std::string> run() {
    const double sessions_before = sessions();
    std::string log;
    const LogSink outer = set_log_sink([&](const LogRecord& record) { log += fmt::format("{}\n", record.message); });
    loop_.run(live());
    const std::size_t live = loop_.live_tasks();
    queues_.clear();
    (void)set_log_sink(outer);

    require("sessions", sessions(), sessions_before);
    require("live tasks", static_cast<double>(live), 0);
    require("frames", frames_, 0);
    require("permits", static_cast<double>(limit_->available()), static_cast<double>(permits_));
    require("bytes of the budget", static_cast<double>(budget_->bytes()), 0);
    std::string lost;
    for (const int id : ledger_.destroyed) {
      lost += fmt::format(" {}", id);
    }
    if (ledger_.destroyed.size() != dropped_) {
      breach(fmt::format("{} items dropped and counted, but destroyed:{}", dropped_, lost));
    }
    for (int id = 1; id <= failures_; ++id) {
      if (seen_.count(id) + held_.count(id) == 0 && log.find(Failure::text_of(id)) == std::string::npos) {
        breach(fmt::format("nobody saw failure {}", id));
      }
    }
    return std::move(breaches_);
  }

 private:
  using Items = Queue<Item>;

  struct Consumer {
    explicit Consumer(EventLoop& loop) : group(loop) {}
    TaskGroup group;
    bool asked = false;
    bool running = false;
  };

  // How a child of a gather ended.
  enum class Left { kNothing, kItem, kFailure };
  struct Child {
    Left left = Left::kNothing;
    int item = 0;
  };

  std::size_t below(std::size_t limit) { return random_() % limit; }
  bool one_in(std::size_t n) { return below(n) == 0; }
  std::chrono::seconds ticks(std::size_t limit) {
    return std::chrono::seconds{static_cast<std::chrono::seconds::rep>(below(limit))};
  }

  void breach(std::string what) { breaches_.push_back(fmt::format("{} s: {}", loop_.elapsed() / 1s, std::move(what))); }
  void require(const char* what, double is, double expected) {
    if (is != expected) {
      breach(fmt::format("{}: {}, expected {}", what, is, expected));
    }
  }
  static double sessions() {
    return metrics::gauge("async_sessions", "Sessions that have started and not ended.", {{"label", "same turn"}})
        .value();
  }

  [[noreturn]] void fail() { throw Failure(++failures_); }
  void see(const std::exception_ptr& thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const Failure& failure) {
      seen_.insert(failure.id());
    } catch (...) {
    }
  }
  // It goes with something that may take it along.
  void excuse(int item) { ledger_.destroyed.erase(item); }

  // What is waited for in the end

  Task<Item> leaf() {
    switch (below(9)) {
      case 0:
      case 1:
      case 2:
        return pop(*queues_[below(queues_.size())]);
      case 3:
        return push(*queues_[below(queues_.size())]);
      case 4:
        return wait(events_[below(events_.size())], one_in(2));
      case 5:
        return wait_for(events_[below(events_.size())], ticks(3), one_in(2));
      case 6:
        return hold(ticks(2));
      case 7:
        return call(ticks(3), one_in(3));
      default:
        return sleep(ticks(3), one_in(3));
    }
  }

  Task<Item> pop(Items& queue) {
    const Witness witness(frames_);
    std::optional<Item> item = co_await queue.pop();
    co_return item ? std::move(*item) : Item();
  }

  Task<Item> push(Items& queue) {
    const Witness witness(frames_);
    Item item(ledger_);
    bool accepted = false;
    try {
      accepted = co_await queue.push(std::move(item));
    } catch (const Cancelled&) {
      if (!item.is_there()) {  // NOLINT: a refused item is as it was.
        breach("a push that was cancelled took its item");
      }
      item.receive();
      throw;
    }
    if (accepted == item.is_there()) {
      breach(fmt::format("a push returned {}, and its item is {}", accepted, item.is_there() ? "there" : "gone"));
    }
    item.receive();
    co_return Item();
  }

  Task<Item> wait(Event& event, bool fails) {
    const Witness witness(frames_);
    co_await event.wait();
    if (fails) {
      fail();
    }
    co_return Item(ledger_);
  }

  Task<Item> wait_for(Event& event, std::chrono::nanoseconds time, bool fails) {
    const Witness witness(frames_);
    const bool came = co_await event.wait_for(time);
    if (fails) {
      fail();
    }
    if (came) {
      co_return Item(ledger_);
    }
    co_return Item();
  }

  Task<Item> hold(std::chrono::nanoseconds time) {
    const Witness witness(frames_);
    const Permit permit = co_await limit_->acquire();
    if (!permit.held()) {
      breach("no permit");
    }
    co_await sleep_for(time);
    co_return Item(ledger_);
  }

  Task<Item> call(std::chrono::nanoseconds time, bool fails) {
    const Witness witness(frames_);
    bool called = false;
    try {
      const BlockingOptions options{.virtual_duration = time};
      co_await run_blocking(
          [this, &called, fails] {  // On a VirtualLoop it runs at once, so it may refer to the frame.
            called = true;
            if (fails) {
              fail();
            }
          },
          options);
    } catch (const Cancelled&) {
      if (called) {
        breach("a blocking call that ran was cancelled");
      }
      throw;
    }
    co_return Item(ledger_);
  }

  Task<Item> sleep(std::chrono::nanoseconds time, bool fails) {
    const Witness witness(frames_);
    co_await sleep_for(time);
    if (fails) {
      fail();
    }
    co_return Item(ledger_);
  }

  // Wrappers

  Task<Item> work(std::size_t depth) {
    if (depth == 0) {
      return leaf();
    }
    const std::size_t below_it = below(depth);
    switch (below(8)) {
      case 0:
      case 1:
        return in_time(work(below_it));
      case 2:
      case 3:
        return gathered(below_it, one_in(3));
      case 4:
      case 5:
        return in_group(work(below_it));
      case 6:
        return in_session(work(below_it));
      default:
        return through_breaker(work(below_it));
    }
  }

  Task<Item> in_time(Task<Item> task) {
    const Witness witness(frames_);
    Child child;
    try {
      const std::chrono::nanoseconds timeout = ticks(4);
      const TimeoutOptions options{.name = "in time", .grace = ticks(3)};
      Task<Item> running = with_timeout(timeout, watched(std::move(task), child), options);
      Item item = co_await std::move(running);
      co_return item;
    } catch (const Failure&) {
      throw;
    } catch (const Error&) {
      if (child.left == Left::kItem) {
        breach(fmt::format("a timeout in place of item {}", child.item));
      }
      throw;
    } catch (const Cancelled&) {
      if (child.left == Left::kItem) {
        breach(fmt::format("Cancelled in place of item {}", child.item));
      }
      throw;
    }
  }

  Task<Item> watched(Task<Item> task, Child& child) {
    const Witness witness(frames_);
    try {
      Item item = co_await std::move(task);
      child = {Left::kItem, item.is_there() ? item.id() : 0};
      co_return item;
    } catch (const Cancelled&) {
      throw;
    } catch (...) {
      child.left = Left::kFailure;
      throw;
    }
  }

  Task<Item> gathered(std::size_t depth, bool chunked) {
    const Witness witness(frames_);
    std::vector<Task<Item>> tasks;
    std::vector<Child> children(1 + below(3));
    for (Child& child : children) {
      tasks.push_back(watched(work(depth), child));
    }
    std::optional<std::chrono::nanoseconds> timeout;
    if (one_in(3)) {
      timeout = ticks(5);
    }
    std::optional<std::chrono::nanoseconds> task_timeout;
    if (one_in(3)) {
      task_timeout = ticks(4);
    }
    const std::chrono::nanoseconds grace = ticks(3);
    const std::size_t at_a_time = 1 + below(3);
    std::vector<GatherResult<Item>> results;
    try {
      if (chunked) {
        const GatherChunkedOptions options{.chunk_size = at_a_time,
                                           .label = "model",
                                           .timeout = timeout,
                                           .task_timeout = task_timeout,
                                           .grace = grace};
        Task<std::vector<GatherResult<Item>>> running = gather_chunked(std::move(tasks), options);
        results = co_await std::move(running);
      } else {
        const GatherOptions options{.label = "model",
                                    .max_concurrency = at_a_time,
                                    .timeout = timeout,
                                    .task_timeout = task_timeout,
                                    .grace = grace};
        Task<std::vector<GatherResult<Item>>> running = gather(std::move(tasks), options);
        results = co_await std::move(running);
      }
    } catch (const Cancelled&) {
      std::size_t finished = 0;
      for (const Child& child : children) {
        finished += child.left != Left::kNothing ? 1U : 0U;
        excuse(child.item);
      }
      if (finished == children.size()) {
        breach("a gather threw Cancelled though each child had ended");
      }
      throw;
    }
    Item first;
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (results[i].ok() != (children[i].left == Left::kItem)) {
        breach(fmt::format("a child left {}, and its result is {}", static_cast<int>(children[i].left),
                           to_string(results[i].outcome())));
      }
      if (results[i].ok()) {
        Item& item = results[i].value();
        if (first.is_there()) {
          item.receive();
        } else {
          first = std::move(item);
        }
      } else if (results[i].error() != nullptr) {
        see(results[i].error());
      }
    }
    co_return first;
  }

  Task<> side(std::chrono::nanoseconds time, bool fails) {
    const Witness witness(frames_);
    co_await sleep_for(time);
    if (fails) {
      fail();
    }
  }

  void start_sides(TaskGroup& group) {
    static constexpr TaskKind kKinds[] = {TaskKind::kLifetime, TaskKind::kFinite, TaskKind::kBackground};
    for (std::size_t i = below(3); i > 0; --i) {
      group.start({"side", i}, side(ticks(4), one_in(2)), kKinds[below(3)]);
    }
  }

  Task<Item> in_group(Task<Item> task) {
    const Witness witness(frames_);
    Item item;
    const DrainOptions options{.timeout = ticks(3), .grace = ticks(2), .carry_on = one_in(3), .label = "model"};
    int failure = 0;
    const auto body = [&](TaskGroup& group) -> Task<> {
      start_sides(group);
      try {
        item = co_await std::move(task);
      } catch (const Failure& thrown) {
        failure = thrown.id();
        held_.insert(failure);
        throw;
      }
    };
    try {
      (void)co_await with_group(options, body);
    } catch (...) {
      held_.erase(failure);
      item.receive();  // It is here, and stays so.
      throw;
    }
    co_return item;
  }

  Task<> receive(Task<Item> task, Item& into) {
    const Witness witness(frames_);
    into = co_await std::move(task);
  }

  Task<Item> in_session(Task<Item> task) {
    const Witness witness(frames_);
    Item item;
    Session session(loop_, {.label = "same turn", .timeout = ticks(3), .grace = ticks(2)});
    session.start("receive", receive(std::move(task), item), TaskKind::kReceive);
    start_sides(session.tasks());
    try {
      Task<SessionResult> running = session.run();
      SessionResult result = co_await std::move(running);
      if (result.exit.error != nullptr) {
        see(result.exit.error);
      }
    } catch (...) {
      item.receive();
      throw;
    }
    co_return item;
  }

  Task<Item> through_breaker(Task<Item> task) {
    const Witness witness(frames_);
    Task<Item> calling = breaker_->call(std::move(task));
    Item item = co_await std::move(calling);
    co_return item;
  }

  // Tasks

  Task<> consume(Consumer& self) {
    const Witness witness(frames_);
    struct Running {
      bool& flag;
      explicit Running(bool& running) : flag(running) { flag = true; }
      ~Running() { flag = false; }
    };
    const Running running(self.running);
    for (std::size_t rounds = 1 + below(3); rounds > 0; --rounds) {
      try {
        Task<Item> working = work(below(kDepth + 1));
        Item item = co_await std::move(working);
        item.receive();
      } catch (const Cancelled&) {
        if (!self.asked) {
          breach("Cancelled, and nobody asked");
        }
        throw;
      } catch (...) {
        see(std::current_exception());
      }
      const bool due = self.asked;
      co_await yield();
      if (due) {
        breach("a request to cancel was lost");
      }
    }
  }

  void act(std::deque<Consumer>& consumers) {
    switch (below(8)) {
      case 0:
      case 1:
      case 2: {
        Item item(ledger_);
        if (!queues_[below(queues_.size())]->try_push(std::move(item))) {
          item.receive();  // NOLINT: a refused item is as it was.
        }
        break;
      }
      case 3:
        events_[below(events_.size())].set();
        break;
      case 4:
        events_[below(events_.size())].reset();
        break;
      case 5:
      case 6: {
        Consumer& consumer = consumers[below(consumers.size())];
        consumer.asked |= consumer.running;
        consumer.group.cancel();
        break;
      }
      default:
        if (one_in(4)) {
          consumers[below(consumers.size())].group.end_in_place();
        } else if (one_in(4)) {
          queues_[below(queues_.size())]->close();
        }
        break;
    }
  }

  Task<> live() {
    std::deque<Consumer> consumers;
    for (std::size_t i = 2 + below(3); i > 0; --i) {
      Consumer& consumer = consumers.emplace_back(loop_);
      consumer.group.start({"consumer", i}, consume(consumer));
    }
    for (int tick = 0; tick < kTicks; ++tick) {
      co_await sleep_until(Instant(std::chrono::seconds{tick}));
      for (std::size_t turns = below(4); turns > 0; --turns) {
        co_await yield();
        for (std::size_t acts = below(4); acts > 0; --acts) {
          act(consumers);
        }
      }
    }
    for (Event& event : events_) {
      event.set();
    }
    for (const auto& queue : queues_) {
      queue->close();
    }
    for (Consumer& consumer : consumers) {
      const DrainOptions options{.timeout = 1000s, .grace = 100s, .label = "model"};
      const DrainResult result = co_await drain(consumer.group, options);
      require("cancelled or destroyed by the last drain",
              static_cast<double>(result.cancelled + result.unresponsive.size()),
              consumer.asked ? static_cast<double>(result.cancelled) : 0);
    }
    co_await sleep_for(100s);  // Blocking calls that were left behind return.
    for (const auto& queue : queues_) {
      dropped_ += queue->dropped();
      while (std::optional<Item> item = queue->try_pop()) {
        item->receive();
      }
    }
  }

  std::mt19937_64 random_;
  VirtualLoop loop_;
  Ledger ledger_;
  std::size_t permits_;
  std::unique_ptr<ByteBudget> budget_;
  std::vector<std::unique_ptr<Items>> queues_;
  std::unique_ptr<Semaphore> limit_;
  std::unique_ptr<CircuitBreaker> breaker_;
  std::deque<Event> events_;
  std::set<int> seen_;
  std::set<int> held_;  // By a with_group() that drains.
  std::vector<std::string> breaches_;
  int failures_ = 0;
  std::size_t dropped_ = 0;
  int frames_ = 0;
};

void Item::end() noexcept {
  if (ledger_ != nullptr && const_cast<EventLoop&>(ledger_->loop).core().force_depth == 0) {
    ledger_->destroyed.insert(id_);
  }
  ledger_ = nullptr;
}

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

TEST(SameTurnModelTest, LosesNothingAndHidesNothing) {
  const bool only_one = std::getenv("SOAK_MODEL_SEED") != nullptr;
  const std::uint64_t first = number_from("SOAK_MODEL_SEED", 0);
  const std::uint64_t last = only_one ? first : number_from("SOAK_MODEL_SEEDS", kSeeds) - 1;
  int failed = 0;
  for (std::uint64_t seed = first; seed <= last && failed < 3; ++seed) {
    std::string events;
    std::vector<std::string> breaches = World(seed, &events).run();
    std::string again;
    World(seed, &again).run();
    if (events != again) {
      breaches.emplace_back("a second run gave another event log");
    }
    if (only_one) {
      fmt::print("{}", events);
    }
    if (breaches.empty()) {
      continue;
    }
    ++failed;
    ADD_FAILURE() << fmt::format("{}\nagain: SOAK_MODEL_SEED={}", fmt::join(breaches, "\n"), seed);
  }
}

}  // namespace
}  // namespace soak::model
