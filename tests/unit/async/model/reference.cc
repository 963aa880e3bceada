// SPDX-License-Identifier: Apache-2.0
#include "model/reference.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <queue>
#include <tuple>
#include <utility>

namespace soak::model {

namespace {

constexpr unsigned kDisconnect = 1U << 0U;  // In the order of soak::ExitReason.
constexpr unsigned kCrash = 1U << 1U;
constexpr unsigned kLifetimeDone = 1U << 2U;
constexpr unsigned kAllDone = 1U << 3U;

enum class Phase {
  kUnborn,
  kDelay,      // The sleep at the start of each task.
  kWork,       // A leaf sleeps or waits; the body of a group runs.
  kUnwinding,  // A leaf cleans up.
  kCalling,    // In a blocking call.
  kSupervise,
  kDrain,  // Until the timeout.
  kGrace,
  kGather,
  kEnded,
};

struct State {
  Phase phase = Phase::kUnborn;
  int epoch = 0;  // Timers from an earlier epoch are ignored.
  int swallowed = 0;
  bool told = false;     // A cancellation reached it.
  bool pending = false;  // A cancellation waits for the blocking call to return.
  Nanoseconds call_ends{};

  // For nodes with children.
  std::vector<int> started;
  std::size_t alive = 0;
  std::size_t background = 0;  // Of these, those of that kind.
  std::size_t next = 0;
  bool sweeping = false;           // Its children are being cancelled. It does not end until all of them have been.
  bool interrupted = false;        // It was cancelled while it drained or gathered.
  unsigned body = 0;               // How the body of a group ended.
  bool counting = false;           // Its drain has begun.
  Nanoseconds last_uncounted{-1};  // When the last child that ended before the drain did so.
  bool shut_down = false;
  bool exiting = false;

  // For a gather.
  bool stopping = false;
  bool cut_short = false;    // It stops because it was cancelled.
  bool asked_again = false;  // It was cancelled while it was stopping.
  bool unfinished = false;   // A request kept a child from its end.
  bool told_before = false;  // Before that.
  bool queued = false;
  std::size_t until = 0;  // The end of its chunk.
  Nanoseconds stop_at = Nanoseconds::max();
  bool asked = false;  // For a child of a gather: it was cancelled because its own timeout passed.
  int watch = 0;       // For a child of a gather: the epoch of that timeout.

  bool holds_permit = false;  // For a leaf.
  bool has_permit = false;    // For a child of a gather, which took the permit for it.
  bool waiting = false;       // For a leaf: it waits for an event, or for the other end of its pipe.

  // For a pipe.
  std::size_t stored = 0;
  int pushed = 0;
  bool closed = false;
};

class Reference {
 public:
  explicit Reference(const Tree& tree)
      : tree_(tree), states_(tree.nodes.size()), permits_(tree.permits), events_(kEvents, false) {
    forecast_.nodes.resize(tree.nodes.size());
  }

  Forecast run() {
    start_root();
    for (const Step& step : tree_.steps) {
      at(step.at, [this, &step] { take(step); });
    }
    while (!timers_.empty() && (!ended(0) || timers_.top().at == now_)) {
      const Timer timer = timers_.top();
      timers_.pop();
      now_ = timer.at;
      timer.action();
    }
    forecast_.end = now_;
    forecast_.stragglers = static_cast<std::size_t>(
        std::count_if(straggling_until_.begin(), straggling_until_.end(), [&](Nanoseconds t) { return t > now_; }));
    return std::move(forecast_);
  }

 private:
  struct Timer {
    Nanoseconds at;
    bool last;  // It runs after all other timers of the same instant.
    std::size_t sequence;
    std::function<void()> action;
    bool operator<(const Timer& other) const {
      return std::tie(at, last, sequence) > std::tie(other.at, other.last, other.sequence);
    }
  };

  const Node& node(int id) const { return tree_.nodes[static_cast<std::size_t>(id)]; }
  State& state(int id) { return states_[static_cast<std::size_t>(id)]; }
  Prediction& prediction(int id) { return forecast_.nodes[static_cast<std::size_t>(id)]; }
  bool in_background(int id) const {
    return node(id).task_kind == TaskKind::kBackground && has_group(node(node(id).parent).kind);
  }
  bool ended(int id) { return state(id).phase == Phase::kEnded; }
  bool living(int id) { return state(id).phase != Phase::kEnded && state(id).phase != Phase::kUnborn; }

  static Nanoseconds positive(Nanoseconds duration) { return std::max(duration, Nanoseconds::zero()); }

  void at(Nanoseconds when, std::function<void()> action, bool last = false) {
    timers_.push({when, last, sequence_++, std::move(action)});
  }
  // Runs `action` after `delay`, unless the node has entered another phase by then.
  void later(int id, Nanoseconds delay, std::function<void()> action, bool last = false) {
    const auto still = [this, id, epoch = state(id).epoch, action = std::move(action)] {
      if (state(id).epoch == epoch) {
        action();
      }
    };
    at(now_ + delay, still, last);
  }
  void enter(int id, Phase phase) {
    state(id).phase = phase;
    ++state(id).epoch;
  }

  // All tasks

  void start(int id) {
    prediction(id).start = now_;
    const int parent = node(id).parent;
    state(parent).started.push_back(id);
    ++state(parent).alive;
    state(parent).background += in_background(id) ? 1U : 0U;
    enter(id, Phase::kDelay);
    later(id, node(id).delay, [this, id] { work(id); });
  }

  void finish(int id, unsigned how, std::set<int> failures = {}) {
    State& s = state(id);
    enter(id, Phase::kEnded);
    ++s.watch;
    Prediction& p = prediction(id);
    p.ends = how;
    p.failures = std::move(failures);
    p.end = now_;
    leave_queue(id);
    if (std::exchange(s.holds_permit, false)) {
      put_back();
    }
    const int parent = node(id).parent;
    if (parent < 0) {
      return;
    }
    --state(parent).alive;
    state(parent).background -= in_background(id) ? 1U : 0U;
    if (is_gather(node(parent).kind)) {
      keep_result(parent, id);
      child_of_gather_gone(parent, id);
    } else {
      child_of_group_ended(parent, id);
    }
  }

  void cancel(int id) {
    State& s = state(id);
    const Node& n = node(id);
    switch (s.phase) {
      case Phase::kUnborn:
      case Phase::kEnded:
        return;
      case Phase::kDelay:
      case Phase::kUnwinding:
        s.told = true;
        finish(id, kCancelled);
        return;
      case Phase::kCalling:
        s.pending = true;
        return;
      case Phase::kWork:
        s.told = true;
        if (n.kind == Kind::kSwallowAll || (n.kind == Kind::kSwallow && s.swallowed++ < n.swallows)) {
          return;
        }
        if (n.kind == Kind::kThrowOnCancel) {
          finish(id, kFailed, {id});
        } else if (n.kind == Kind::kCleanup) {
          enter(id, Phase::kUnwinding);
          later(id, n.period, [this, id] { finish(id, kCancelled); });
        } else if (n.kind == Kind::kAbandon) {
          abandon(id, kCancelled);
        } else if (is_group(n.kind)) {
          s.body = kCancelled;
          begin_drain(id);
        } else {
          finish(id, kCancelled);
        }
        return;
      case Phase::kSupervise:
        s.told = s.interrupted = true;
        begin_drain(id);
        return;
      case Phase::kDrain:
        interrupt(s);
        begin_grace(id);
        return;
      case Phase::kGrace:
        interrupt(s);
        return;
      case Phase::kGather:
        interrupt(s);
        if (s.stopping) {
          s.asked_again = true;
        } else {
          s.cut_short = true;
          stop(id, false);
        }
        return;
    }
  }

  static void interrupt(State& s) {
    if (!s.interrupted) {
      s.told_before = s.told;
    }
    s.told = s.interrupted = true;
  }

  // Destroys a task and everything below it in place, newest first, as the locals of a frame are destroyed.
  void kill(int id, Counts* counts, bool* exact) {
    State& s = state(id);
    if (!living(id)) {
      return;
    }
    if (prediction(id).start == now_ && exact != nullptr) {
      *exact = false;
    }
    if (s.phase == Phase::kCalling) {
      straggling_until_.push_back(s.call_ends);
      if (counts != nullptr) {
        ++counts->unresponsive;
      }
    } else if (counts != nullptr) {
      ++counts->forced;
    }
    enter(id, Phase::kEnded);
    ++s.watch;
    prediction(id).ends = kForced;
    prediction(id).end = now_;
    leave_queue(id);
    if (std::exchange(s.holds_permit, false)) {
      put_back();
    }
    kill_children(id, counts, exact);
    for (const int child : s.started) {
      if (std::exchange(state(child).has_permit, false)) {
        put_back();
      }
    }
    --state(node(id).parent).alive;
    state(node(id).parent).background -= in_background(id) ? 1U : 0U;
  }

  void kill_children(int id, Counts* counts, bool* exact) {
    const std::vector<int> children = state(id).started;
    for (auto child = children.rbegin(); child != children.rend(); ++child) {
      kill(*child, counts, exact);
    }
  }

  // With a grace of zero, a task that needs more than one turn may have been destroyed before it had unwound. Allows
  // that outcome as well, for the task and everything below it.
  void doubt(int id) {
    Prediction& p = prediction(id);
    if (ended(id) && p.end != now_) {
      return;
    }
    if (ended(id)) {
      p.ends |= kForced;
    }
    p.exact = false;
    for (const int child : state(id).started) {
      doubt(child);
    }
  }

  // Leaves

  void work(int id) {
    const Node& n = node(id);
    enter(id, Phase::kWork);
    switch (n.kind) {
      case Kind::kSleep:
      case Kind::kSwallow:
      case Kind::kThrowOnCancel:
      case Kind::kCleanup:
        later(id, n.duration, [this, id] { finish(id, kValue); });
        break;
      case Kind::kThrow:
        later(id, n.duration, [this, id] { finish(id, kFailed, {id}); });
        break;
      case Kind::kThrowCancelled:
        later(id, n.duration, [this, id] { finish(id, kCancelled); });
        break;
      case Kind::kForever:
      case Kind::kSwallowAll:
        break;
      case Kind::kEvent:
      case Kind::kPoll:
        state(id).waiting = true;
        if (events_[static_cast<std::size_t>(n.event)]) {
          event_came(id);
        }
        break;
      case Kind::kListen:
        if (state(n.parent).shut_down) {
          finish(id, kValue);
        }
        break;
      case Kind::kBlocking:
        enter(id, Phase::kCalling);
        state(id).call_ends = n.endless ? Nanoseconds::max() : now_ + n.duration;
        if (!n.endless) {
          later(id, n.duration, [this, id] { call_returned(id); });
        }
        break;
      case Kind::kHold:
        if (take_permit()) {
          hold(id);
        } else {
          state(id).queued = true;
          queue_.push_back(id);
        }
        break;
      case Kind::kProduce:
        produce(id);
        break;
      case Kind::kConsume:
        pop(id);
        break;
      case Kind::kGroup:
      case Kind::kPipe:
      case Kind::kAbandon:
        body(id);
        break;
      case Kind::kSession:
        for (const int child : n.children) {
          start(child);
        }
        enter(id, Phase::kSupervise);
        if (state(id).alive == state(id).background) {
          prediction(id).exits = kAllDone;
          begin_drain(id);
        }
        break;
      case Kind::kGather:
      case Kind::kChunked:
      case Kind::kTimeout:
        begin_gather(id);
        break;
    }
  }

  void event_came(int id) {
    state(id).waiting = false;
    later(id, node(id).duration, [this, id] { finish(id, kValue); });
  }

  void call_returned(int id) {
    if (node(id).period == Nanoseconds::zero()) {
      finish(id, kValue);
    } else if (state(id).pending) {
      state(id).told = true;
      finish(id, kCancelled);
    } else {
      enter(id, Phase::kWork);
      later(id, node(id).period, [this, id] { finish(id, kValue); });
    }
  }

  // The pipe

  void produce(int id) {
    State& pipe = state(node(id).parent);
    const int consumer = node(node(id).parent).children[1];
    if (pipe.pushed < node(id).items) {
      later(id, node(id).duration, [this, id] { push(id); });
      return;
    }
    pipe.closed = true;
    if (living(consumer) && state(consumer).waiting) {
      pop(consumer);
    }
    finish(id, kValue);
  }

  void push(int id) {
    State& pipe = state(node(id).parent);
    const int consumer = node(node(id).parent).children[1];
    state(id).waiting = pipe.stored == node(node(id).parent).capacity;
    if (state(id).waiting) {
      return;
    }
    ++pipe.stored;
    ++pipe.pushed;
    if (living(consumer) && state(consumer).waiting) {
      pop(consumer);
    }
    produce(id);
  }

  void pop(int id) {
    State& pipe = state(node(id).parent);
    const int producer = node(node(id).parent).children[0];
    state(id).waiting = pipe.stored == 0 && !pipe.closed;
    if (state(id).waiting) {
      return;
    }
    if (pipe.stored == 0) {
      finish(id, kValue);
      return;
    }
    --pipe.stored;
    later(id, node(id).duration, [this, id] { pop(id); });
    if (living(producer) && state(producer).waiting) {
      push(producer);
    }
  }

  // The limit

  bool take_permit() {
    if (permits_ == 0) {
      return false;
    }
    --permits_;
    return true;
  }

  void hold(int id) {
    state(id).holds_permit = true;
    enter(id, Phase::kWork);
    later(id, node(id).duration, [this, id] { finish(id, kValue); });
  }

  void put_back() {
    if (queue_.empty()) {
      ++permits_;
      return;
    }
    const int next = queue_.front();
    queue_.pop_front();
    state(next).queued = false;
    if (node(next).kind == Kind::kHold) {
      hold(next);
    } else {
      start_next(next, true);
      start_some(next);
    }
  }

  void leave_queue(int id) {
    if (!state(id).queued) {
      return;
    }
    state(id).queued = false;
    queue_.erase(std::remove(queue_.begin(), queue_.end(), id), queue_.end());
  }

  // Groups

  static bool is_group(Kind kind) { return kind == Kind::kGroup || kind == Kind::kPipe; }

  void body(int id) {
    const Node& n = node(id);
    State& s = state(id);
    while (s.next < n.children.size()) {
      start(n.children[s.next++]);
      if (s.next < n.children.size() && n.gap > Nanoseconds::zero()) {
        later(id, n.gap, [this, id] { body(id); });
        return;
      }
    }
    if (n.kind == Kind::kAbandon) {
      if (n.tail == Tail::kReturn) {
        abandon(id, kFailed);
      } else if (n.tail != Tail::kForever) {
        later(id, n.duration, [this, id] { abandon(id, kFailed); });
      }
      return;
    }
    switch (n.tail) {
      case Tail::kReturn:
      case Tail::kDrain:
        body_ended(id, kValue);
        break;
      case Tail::kSleep:
        later(id, n.duration, [this, id] { body_ended(id, kValue); });
        break;
      case Tail::kThrow:
        later(id, n.duration, [this, id] { body_ended(id, kFailed); });
        break;
      case Tail::kForever:
        break;
    }
  }

  void abandon(int id, unsigned how) {
    const int parent = node(id).parent;
    const bool counted = !is_gather(node(parent).kind);
    kill_children(id, counted ? &prediction(parent).drained : nullptr, counted ? &prediction(parent).exact : nullptr);
    finish(id, how, how == kFailed ? std::set<int>{id} : std::set<int>{});
  }

  void body_ended(int id, unsigned how) {
    state(id).body = how;
    begin_drain(id);
  }

  void begin_drain(int id) {
    const Node& n = node(id);
    State& s = state(id);
    s.counting = true;
    if (n.kind == Kind::kSession) {
      s.shut_down = true;
      s.sweeping = true;
      for (const int child : s.started) {
        if (node(child).kind == Kind::kListen && state(child).phase == Phase::kWork) {
          finish(child, kValue);
        }
      }
      // If there is no time left, begin_grace() cancels all children at once, these included.
      const bool time_left = !s.interrupted && *n.timeout > Nanoseconds::zero();
      const std::vector<int> children = s.started;
      for (const int child : children) {
        if (node(child).task_kind == TaskKind::kReceive && time_left) {
          cancel(child);
        }
      }
      s.sweeping = false;
    }
    const bool options_count = n.kind != Kind::kSession;
    const bool drain_inside = n.tail == Tail::kDrain && n.kind == Kind::kGroup && s.body == kValue;
    Nanoseconds until = now_ + positive(*n.timeout);
    if (options_count && n.deadline) {
      until = std::min(until, *n.deadline);
    }
    const bool at_once = (options_count && n.cancel_first) ||
                         (!drain_inside && (s.body & (kFailed | kCancelled)) != 0) ||
                         (n.kind == Kind::kSession && s.interrupted);
    enter(id, Phase::kDrain);
    if (at_once || until <= now_) {
      begin_grace(id);
    } else if (s.alive == 0) {
      conclude(id);
    } else {
      later(id, until - now_, [this, id] { begin_grace(id); });
    }
  }

  // Cancels all children, and destroys those still alive after the grace.
  void begin_grace(int id) {
    enter(id, Phase::kGrace);
    Nanoseconds grace = positive(node(id).grace);
    if (node(id).kind != Kind::kSession && node(id).deadline) {
      grace = std::min(grace, positive(*node(id).deadline - now_));
    }
    const std::vector<int> busy = sweep(id);
    const bool doubtful = grace == Nanoseconds::zero() && !busy.empty();
    if (state(id).alive == 0 && !doubtful) {
      conclude(id);
      return;
    }
    state(id).sweeping = doubtful;
    const auto out_of_grace = [this, id, busy, doubtful] {
      if (doubtful) {
        doubt_all(id, busy);
      }
      kill_children(id, &prediction(id).drained, &prediction(id).exact);
      conclude(id);
    };
    later(id, grace, out_of_grace, grace == Nanoseconds::zero());
  }

  // Cancels all children, except those that a gather has already cancelled. Returns those that need more than one turn
  // to unwind.
  std::vector<int> sweep(int id) {
    State& s = state(id);
    const std::vector<int> children = s.started;
    std::vector<int> busy;
    for (const int child : children) {
      if (is_busy(child)) {
        busy.push_back(child);
      }
    }
    s.sweeping = true;
    for (const int child : children) {
      if (!state(child).asked) {
        cancel(child);
      }
    }
    s.sweeping = false;
    return busy;
  }

  bool is_busy(int id) { return living(id) && (state(id).alive > 0 || (is_gather(node(id).kind) && state(id).queued)); }

  void doubt_all(int id, const std::vector<int>& children) {
    prediction(id).exact = false;
    for (const int child : children) {
      doubt(child);
    }
  }

  void conclude(int id) {
    State& s = state(id);
    if (id == 0) {
      finish(id, kValue);
    } else if (node(id).kind == Kind::kSession) {
      finish(id, s.interrupted ? kCancelled : kValue);
    } else if (s.body == kFailed) {
      if (s.interrupted) {
        s.told = s.told_before;  // What leaves is the failure, and the request comes at the next await.
      }
      finish(id, kFailed, {id});
    } else if (s.body == kCancelled || s.interrupted) {
      finish(id, kCancelled);
    } else {
      std::set<int> failures;
      const unsigned how = first_failure(id, failures);
      finish(id, how, std::move(failures));
    }
  }

  // The failure comes from the first child that certainly failed, or from one that may have failed before it.
  unsigned first_failure(int id, std::set<int>& failures) {
    Nanoseconds certain = Nanoseconds::max();
    for (const int child : state(id).started) {
      if (prediction(child).ends == kFailed && !in_background(child)) {
        certain = std::min(certain, prediction(child).end);
      }
    }
    for (const int child : state(id).started) {
      const Prediction& p = prediction(child);
      if ((p.ends & kFailed) != 0 && p.end <= certain && !in_background(child)) {
        failures.insert(p.failures.begin(), p.failures.end());
      }
    }
    if (certain != Nanoseconds::max()) {
      return kFailed;
    }
    return failures.empty() ? kValue : kValue | kFailed;
  }

  void child_of_group_ended(int parent, int child) {
    State& s = state(parent);
    Prediction& p = prediction(parent);
    const Prediction& c = prediction(child);
    if ((c.ends & (c.ends - 1)) != 0) {
      p.exact = false;
    }
    if ((c.ends & kFailed) != 0) {
      ++(in_background(child) ? p.drained.background_failed : p.drained.failed);
    } else if (s.counting) {
      ++(c.ends == kCancelled || state(child).told ? p.drained.cancelled : p.drained.completed);
    } else {
      s.last_uncounted = now_;
    }
    if (s.phase == Phase::kSupervise) {
      look_at_session(parent, child);
    } else if (!s.sweeping && s.alive == 0 && (s.phase == Phase::kDrain || s.phase == Phase::kGrace)) {
      conclude(parent);
    }
  }

  void look_at_session(int id, int child) {
    const Prediction& c = prediction(child);
    unsigned exits = 0;
    if (node(child).task_kind == TaskKind::kReceive) {
      exits |= kDisconnect;
    }
    if ((c.ends & kFailed) != 0 && !in_background(child)) {
      exits |= kCrash;
    }
    if ((c.ends & kValue) != 0 && !state(child).told && node(child).task_kind == TaskKind::kLifetime) {
      exits |= kLifetimeDone;
    }
    // If an enclosing group is destroying everything, the session reports no exit, and the test does not compare these.
    prediction(id).exits |= exits;
    exit_if_due(id);
  }

  void exit_if_due(int id) {
    State& s = state(id);
    if (s.phase != Phase::kSupervise || s.exiting || (prediction(id).exits == 0 && s.alive > s.background)) {
      return;
    }
    s.exiting = true;
    later(id, Nanoseconds::zero(), [this, id] {
      if (prediction(id).exits == 0) {
        prediction(id).exits = kAllDone;
      }
      if (state(id).last_uncounted == now_) {
        prediction(id).exact = false;
      }
      begin_drain(id);
    });
  }

  // Gathers

  static bool is_gather(Kind kind) { return kind == Kind::kGather || kind == Kind::kChunked || kind == Kind::kTimeout; }

  void begin_gather(int id) {
    const Node& n = node(id);
    State& s = state(id);
    enter(id, Phase::kGather);
    prediction(id).results.assign(n.children.size(), kCancelled);
    if (n.timeout) {
      s.stop_at = now_ + positive(*n.timeout);
    }
    begin_chunk(id);
  }

  void begin_chunk(int id) {
    const Node& n = node(id);
    State& s = state(id);
    if (n.kind == Kind::kChunked && (s.next == n.children.size() || now_ >= s.stop_at)) {
      for (std::size_t i = s.next; i < n.children.size(); ++i) {
        prediction(id).results[i] = kTimedOut;
      }
      gathered(id);
      return;
    }
    enter(id, Phase::kGather);
    s.stopping = false;
    s.until = n.kind == Kind::kChunked ? std::min(s.next + n.concurrency, n.children.size()) : n.children.size();
    start_some(id);
    if (s.alive == 0 && s.next == s.until) {
      look_at_gather(id);
    } else if (s.stop_at != Nanoseconds::max()) {
      later(id, s.stop_at - now_, [this, id] { stop(id, true); });
    }
  }

  void start_some(int id) {
    const Node& n = node(id);
    State& s = state(id);
    const std::size_t at_a_time = n.kind == Kind::kTimeout ? 1 : n.concurrency;
    while (s.phase == Phase::kGather && !s.stopping && s.next < s.until && s.alive < at_a_time) {
      if (n.limited) {
        if (s.queued) {
          return;
        }
        if (!take_permit()) {
          s.queued = true;
          queue_.push_back(id);
          return;
        }
      }
      start_next(id, n.limited);
    }
  }

  void start_next(int id, bool permit) {
    const int child = node(id).children[state(id).next++];
    state(child).has_permit = permit;
    start(child);
    if (node(id).task_timeout) {
      watch(id, child, positive(*node(id).task_timeout));
    }
  }

  void watch(int id, int child, Nanoseconds delay, bool last = false) {
    const auto overdue = [this, id, child, epoch = state(child).watch] {
      if (state(child).watch == epoch) {
        child_overdue(id, child);
      }
    };
    at(now_ + delay, overdue, last);
  }

  void child_overdue(int id, int child) {
    if (state(child).asked) {
      kill_in_gather(id, child);
      return;
    }
    if (state(id).stopping) {
      return;
    }
    state(child).asked = true;
    prediction(id).results[index_of(id, child)] = kTimedOut;
    const bool busy = is_busy(child);
    const Nanoseconds grace = positive(node(id).grace);
    cancel(child);
    if (grace == Nanoseconds::zero() && busy) {
      at(
          now_, [this, child] { doubt(child); }, true);
    }
    if (living(child)) {
      watch(id, child, grace, grace == Nanoseconds::zero());
    }
  }

  void stop(int id, bool timed_out) {
    State& s = state(id);
    s.stopping = true;
    if (s.queued) {
      // A permit may arrive at this instant, before the gather gets the turn in which it stops.
      for (std::size_t i = s.next; i < s.until; ++i) {
        Prediction& p = prediction(node(id).children[i]);
        p.ends = kCancelled | kForced;
        p.start = p.end = now_;
      }
    }
    leave_queue(id);
    s.unfinished |= s.cut_short && s.next < s.until;
    if (timed_out) {
      for (std::size_t i = s.next; i < s.until; ++i) {
        prediction(id).results[i] = kTimedOut;
      }
      for (const int child : s.started) {
        if (living(child)) {
          prediction(id).results[index_of(id, child)] = kTimedOut;
        }
      }
    }
    ++s.epoch;
    const Nanoseconds grace = positive(node(id).grace);
    const std::vector<int> busy = sweep(id);
    const bool doubtful = grace == Nanoseconds::zero() && !busy.empty();
    if (s.alive == 0 && !doubtful) {
      look_at_gather(id);
      return;
    }
    s.sweeping = doubtful;
    const auto out_of_grace = [this, id, busy, doubtful] {
      if (doubtful) {
        doubt_all(id, busy);
        if (node(id).kind == Kind::kTimeout && (prediction(id).results.front() & kFailed) != 0) {
          prediction(id).results.front() |= kCancelled;  // Its task may have been destroyed before it could throw.
        }
      }
      const std::vector<int> children = state(id).started;
      for (auto child = children.rbegin(); child != children.rend(); ++child) {
        kill_in_gather(id, *child);
      }
      state(id).sweeping = false;
      look_at_gather(id);
    };
    later(id, grace, out_of_grace, grace == Nanoseconds::zero());
  }

  void kill_in_gather(int id, int child) {
    if (!living(child)) {
      return;
    }
    kill(child, nullptr, nullptr);
    kept_from_end(id, child);
    child_of_gather_gone(id, child);
  }

  void child_of_gather_gone(int id, int child) {
    if (std::exchange(state(child).has_permit, false)) {
      put_back();
    }
    start_some(id);
    look_at_gather(id);
  }

  void look_at_gather(int id) {
    State& s = state(id);
    if (s.phase != Phase::kGather || s.sweeping || s.alive > 0 || !(s.stopping || s.next == s.until)) {
      return;
    }
    if (node(id).kind == Kind::kChunked && (!s.interrupted || (!s.unfinished && now_ >= s.stop_at))) {
      if (s.stopping) {
        s.next = s.until;
      }
      begin_chunk(id);
    } else {
      gathered(id);
    }
  }

  void gathered(int id) {
    State& s = state(id);
    if (s.interrupted &&
        (s.unfinished || (node(id).kind == Kind::kChunked && s.next < node(id).children.size() && now_ < s.stop_at))) {
      finish(id, kCancelled);
      return;
    }
    if (s.interrupted) {
      s.told = s.told_before;  // The cancellation would be thrown at its next co_await, but there is none.
    }
    if (node(id).kind != Kind::kTimeout) {
      finish(id, kValue);
    } else if (prediction(id).results.front() == kTimedOut) {
      finish(id, kFailed, {id + kOfTimeout});
    } else {
      const std::set<int> failures = prediction(node(id).children.front()).failures;
      finish(id, prediction(id).results.front(), failures);
    }
  }

  void keep_result(int id, int child) {
    const bool told = state(child).told || prediction(child).ends == kCancelled;
    if (!told) {
      prediction(id).results[index_of(id, child)] = prediction(child).ends;
    } else if (node(id).kind == Kind::kTimeout && state(id).cut_short && (prediction(child).ends & kFailed) != 0) {
      prediction(id).results.front() =
          (prediction(child).ends & ~kValue) | (prediction(child).ends == kFailed ? 0 : kCancelled);
    } else {
      kept_from_end(id, child);
    }
  }

  void kept_from_end(int id, int child) {
    state(id).unfinished |= state(id).asked_again || (state(id).cut_short && !state(child).asked);
  }

  std::size_t index_of(int id, int child) const {
    const std::vector<int>& children = node(id).children;
    return static_cast<std::size_t>(std::find(children.begin(), children.end(), child) - children.begin());
  }

  // The root, and what is done from outside

  void start_root() {
    enter(0, Phase::kWork);
    for (const int child : node(0).children) {
      start(child);
    }
    later(0, node(0).duration, [this] { begin_drain(0); });
  }

  void take(const Step& step) {
    switch (step.what) {
      case Step::What::kCancel:
        if (has_living_group(step.target)) {
          const std::vector<int> children = state(step.target).started;
          for (const int child : children) {
            cancel(child);
          }
        }
        break;
      case Step::What::kEndInPlace:
        if (has_living_group(step.target)) {
          kill_children(step.target, nullptr, nullptr);
          emptied(step.target);
        }
        break;
      case Step::What::kSetEvent:
        events_[static_cast<std::size_t>(step.target)] = true;
        for (const Node& n : tree_.nodes) {
          const bool waits = (n.kind == Kind::kEvent || n.kind == Kind::kPoll) && state(n.id).waiting;
          if (waits && n.event == step.target && living(n.id)) {
            event_came(n.id);
          }
        }
        break;
      case Step::What::kDrain:
        prediction(0).exact = false;  // Blocking calls left behind are counted by whichever drain ends first.
        if (step.timeout > Nanoseconds::zero()) {
          at(now_ + step.timeout, [this, &step] { drain_from_outside(step); });
        } else {
          drain_from_outside(step);
        }
        break;
    }
  }

  bool has_living_group(int id) {
    const Phase phase = state(id).phase;
    return phase == Phase::kWork || phase == Phase::kSupervise || phase == Phase::kDrain || phase == Phase::kGrace;
  }

  void drain_from_outside(const Step& step) {
    if (state(0).alive == 0) {
      return;
    }
    const Nanoseconds grace = positive(step.grace);
    const std::vector<int> busy = sweep(0);
    const bool at_once = grace == Nanoseconds::zero();
    state(0).sweeping = at_once;
    const auto out_of_grace = [this, busy, at_once] {
      if (at_once) {
        doubt_all(0, busy);
      }
      kill_children(0, &prediction(0).drained, nullptr);
      state(0).sweeping = false;
      emptied(0);
    };
    at(now_ + grace, out_of_grace, at_once);
    if (!at_once) {
      emptied(0);
    }
  }

  void emptied(int id) {
    State& s = state(id);
    if (s.alive > 0) {
      return;
    }
    if (s.phase == Phase::kSupervise) {
      exit_if_due(id);
    } else if (s.phase == Phase::kDrain || s.phase == Phase::kGrace) {
      conclude(id);
    }
  }

  const Tree& tree_;
  Forecast forecast_;
  std::vector<State> states_;
  std::priority_queue<Timer> timers_;
  std::size_t sequence_ = 0;
  Nanoseconds now_{};
  std::size_t permits_;
  std::deque<int> queue_;
  std::vector<bool> events_;
  std::vector<Nanoseconds> straggling_until_;
};

}  // namespace

Forecast predict(const Tree& tree) { return Reference(tree).run(); }

}  // namespace soak::model
