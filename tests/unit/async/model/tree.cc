// SPDX-License-Identifier: Apache-2.0
#include "model/tree.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <random>

#include "soak/detail/enum_names.h"

namespace soak::model {

namespace {

constexpr int kNodesMax = 25;
constexpr int kDepthMax = 4;

class Grower {
 public:
  explicit Grower(std::uint64_t seed) : random_(seed) { tree_.seed = seed; }

  Tree grow() {
    tree_.permits = 1 + below(3);
    Node& root = add(-1, Kind::kGroup);
    root.tail = Tail::kSleep;
    root.duration = time(8e9);
    root.timeout = bound(12e9);
    root.grace = bound(5e9);
    grow_children(0, 1, 1 + below(4));
    for (std::size_t i = below(5); i > 0; --i) {
      tree_.steps.push_back(step());
    }
    return std::move(tree_);
  }

 private:
  std::size_t below(std::size_t limit) { return random_() % limit; }
  bool one_in(std::size_t n) { return below(n) == 0; }

  Nanoseconds time(double mean) {
    return Nanoseconds(1 + static_cast<std::int64_t>(below(static_cast<std::size_t>(2 * mean))));
  }
  // A timeout or a grace. Sometimes zero or negative.
  Nanoseconds bound(double mean) {
    if (one_in(6)) {
      return one_in(4) ? Nanoseconds(-1) : Nanoseconds(0);
    }
    return time(mean);
  }

  Node& add(int parent, Kind kind) {
    Node node;
    node.id = static_cast<int>(tree_.nodes.size());
    node.parent = parent;
    node.kind = kind;
    node.delay = time(1e9);
    node.duration = time(5e9);
    node.period = time(2e9);
    node.event = static_cast<int>(below(kEvents));
    node.grace = bound(3e9);
    tree_.nodes.push_back(node);
    if (parent >= 0) {
      tree_.nodes[static_cast<std::size_t>(parent)].children.push_back(node.id);
    }
    return tree_.nodes.back();
  }

  Kind leaf_kind(int parent) {
    static constexpr std::array kLeaves{Kind::kSleep,   Kind::kSleep,          Kind::kSleep,      Kind::kThrow,
                                        Kind::kThrow,   Kind::kForever,        Kind::kEvent,      Kind::kPoll,
                                        Kind::kSwallow, Kind::kSwallow,        Kind::kSwallowAll, Kind::kThrowOnCancel,
                                        Kind::kCleanup, Kind::kThrowCancelled, Kind::kBlocking,   Kind::kHold};
    if (tree_.nodes[static_cast<std::size_t>(parent)].kind == Kind::kSession && one_in(3)) {
      return Kind::kListen;
    }
    return kLeaves[below(kLeaves.size())];
  }

  void grow_children(int parent, int depth, std::size_t count) {
    for (; count > 0 && tree_.nodes.size() < kNodesMax; --count) {
      grow_node(parent, depth);
    }
  }

  void grow_node(int parent, int depth) {
    static constexpr std::array kInner{Kind::kGroup,   Kind::kGroup,   Kind::kGather,  Kind::kGather, Kind::kTimeout,
                                       Kind::kSession, Kind::kAbandon, Kind::kChunked, Kind::kPipe};
    const bool inner = depth < kDepthMax && tree_.nodes.size() + 2 < kNodesMax && one_in(2);
    const Kind kind = inner ? kInner[below(kInner.size())] : leaf_kind(parent);
    const int id = add(parent, kind).id;
    Node node = tree_.nodes[static_cast<std::size_t>(id)];
    node.swallows = static_cast<int>(below(3));
    node.task_kind = one_in(4) ? TaskKind::kReceive : one_in(2) ? TaskKind::kFinite : TaskKind::kLifetime;
    if (node.task_kind == TaskKind::kFinite && node.duration.count() % 2 == 0) {
      node.task_kind = TaskKind::kBackground;
    }
    if (kind == Kind::kBlocking) {
      node.endless = one_in(4);
      if (one_in(2)) {
        node.period = {};
      }
    }
    if (has_group(kind)) {
      node.timeout = bound(6e9);
      node.tail = static_cast<Tail>(below(5));
      if (kind == Kind::kPipe) {
        node.tail = Tail::kReturn;
      }
      if (one_in(4)) {
        node.gap = time(1e9);
      }
      if (one_in(6)) {
        node.deadline = time(10e9);
      }
      node.cancel_first = one_in(8);
    } else if (kind == Kind::kTimeout) {
      node.timeout = bound(5e9);
    } else if (inner) {
      if (one_in(2)) {
        node.timeout = bound(8e9);
      }
      if (one_in(2)) {
        node.task_timeout = bound(6e9);
      }
      node.concurrency = one_in(5) ? static_cast<std::size_t>(-1) : 1 + below(4);
      if (kind == Kind::kChunked) {
        node.concurrency = 1 + below(3);
      }
      node.limited = one_in(3);
      node.of_void = one_in(3);
    }
    tree_.nodes[static_cast<std::size_t>(id)] = node;

    if (kind == Kind::kPipe) {
      const std::size_t capacity = 1 + below(3);
      const int items = static_cast<int>(below(8));
      tree_.nodes[static_cast<std::size_t>(id)].capacity = capacity;
      for (const Kind end : {Kind::kProduce, Kind::kConsume}) {
        Node& one = add(id, end);
        one.duration = time(1e9);
        one.items = items;
      }
    } else if (kind == Kind::kTimeout) {
      grow_node(id, depth + 1);
    } else if (inner) {
      grow_children(id, depth + 1, below(6));
    }
  }

  Step step() {
    Step step;
    step.at = time(10e9);
    step.what = one_in(5)   ? Step::What::kDrain
                : one_in(6) ? Step::What::kEndInPlace
                            : static_cast<Step::What>(below(2) * 2);
    if (step.what == Step::What::kSetEvent) {
      step.target = static_cast<int>(below(kEvents));
    } else if (step.what == Step::What::kDrain) {
      step.timeout = bound(5e9);
      step.grace = bound(3e9);
    } else {
      std::vector<int> groups;
      for (const Node& node : tree_.nodes) {
        if (has_group(node.kind)) {
          groups.push_back(node.id);
        }
      }
      step.target = groups[below(groups.size())];
    }
    return step;
  }

  std::mt19937_64 random_;
  Tree tree_;
};

constexpr detail::EnumNames<Kind> kKindNames({{Kind::kSleep, "sleep"},
                                              {Kind::kThrow, "throw"},
                                              {Kind::kThrowCancelled, "throw Cancelled"},
                                              {Kind::kForever, "forever"},
                                              {Kind::kEvent, "event"},
                                              {Kind::kPoll, "poll"},
                                              {Kind::kSwallow, "swallow"},
                                              {Kind::kSwallowAll, "swallow all"},
                                              {Kind::kThrowOnCancel, "throw on cancel"},
                                              {Kind::kCleanup, "cleanup"},
                                              {Kind::kBlocking, "blocking"},
                                              {Kind::kHold, "hold"},
                                              {Kind::kListen, "listen"},
                                              {Kind::kProduce, "produce"},
                                              {Kind::kConsume, "consume"},
                                              {Kind::kGroup, "group"},
                                              {Kind::kPipe, "pipe"},
                                              {Kind::kSession, "session"},
                                              {Kind::kAbandon, "abandon"},
                                              {Kind::kGather, "gather"},
                                              {Kind::kChunked, "chunked"},
                                              {Kind::kTimeout, "timeout"}});
constexpr detail::EnumNames<Tail> kTailNames({{Tail::kReturn, "return"},
                                              {Tail::kSleep, "sleep"},
                                              {Tail::kThrow, "throw"},
                                              {Tail::kForever, "forever"},
                                              {Tail::kDrain, "drain"}});
constexpr detail::EnumNames<Step::What> kStepNames({{Step::What::kCancel, "cancel"},
                                                    {Step::What::kEndInPlace, "end in place"},
                                                    {Step::What::kSetEvent, "set event"},
                                                    {Step::What::kDrain, "drain root"}});
constexpr detail::EnumNames<TaskKind> kTaskKindNames({{TaskKind::kLifetime, "lifetime"},
                                                      {TaskKind::kReceive, "receive"},
                                                      {TaskKind::kFinite, "finite"},
                                                      {TaskKind::kBackground, "background"}});

double seconds(Nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

void print(const Tree& tree, int id, int depth, std::string& text) {
  const Node& node = tree.nodes[static_cast<std::size_t>(id)];
  text += fmt::format("{:{}}{} {} delay {:.9f} duration {:.9f} period {:.9f}", "", 2 * depth, node.id,
                      kKindNames[node.kind], seconds(node.delay), seconds(node.duration), seconds(node.period));
  if (node.kind == Kind::kSwallow) {
    text += fmt::format(" swallows {}", node.swallows);
  }
  if (node.kind == Kind::kEvent || node.kind == Kind::kPoll) {
    text += fmt::format(" event {}", node.event);
  }
  if (node.endless) {
    text += " endless";
  }
  if (node.kind >= Kind::kGroup) {
    text +=
        fmt::format(" tail {} gap {:.9f} grace {:.9f}", kTailNames[node.tail], seconds(node.gap), seconds(node.grace));
    if (node.timeout) {
      text += fmt::format(" timeout {:.9f}", seconds(*node.timeout));
    }
    if (node.task_timeout) {
      text += fmt::format(" task_timeout {:.9f}", seconds(*node.task_timeout));
    }
    if (node.deadline) {
      text += fmt::format(" deadline {:.9f}", seconds(*node.deadline));
    }
    if (node.cancel_first) {
      text += " cancel_first";
    }
    if (node.kind == Kind::kGather || node.kind == Kind::kChunked) {
      text += fmt::format(" at a time {}", node.concurrency);
    }
    if (node.limited) {
      text += " limited";
    }
    if (node.kind == Kind::kPipe) {
      text += fmt::format(" capacity {}", node.capacity);
    }
  }
  text += fmt::format(" {}\n", kTaskKindNames[node.task_kind]);
  for (const int child : node.children) {
    print(tree, child, depth + 1, text);
  }
}

}  // namespace

Tree grow(std::uint64_t seed) { return Grower(seed).grow(); }

bool has_group(Kind kind) {
  return kind == Kind::kGroup || kind == Kind::kPipe || kind == Kind::kSession || kind == Kind::kAbandon;
}

std::string to_string(const Tree& tree) {
  std::string text = fmt::format("seed {}, {} permits\n", tree.seed, tree.permits);
  print(tree, 0, 0, text);
  for (const Step& step : tree.steps) {
    text += fmt::format("at {:.9f} {} {}", seconds(step.at), kStepNames[step.what], step.target);
    if (step.what == Step::What::kDrain) {
      text += fmt::format(" timeout {:.9f} grace {:.9f}", seconds(step.timeout), seconds(step.grace));
    }
    text += "\n";
  }
  return text;
}

}  // namespace soak::model
