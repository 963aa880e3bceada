// SPDX-License-Identifier: Apache-2.0
#ifndef PUSHER_LISTEN_FLOWS_H_
#define PUSHER_LISTEN_FLOWS_H_

// Counts what passes through the service, and what it lost: for each flow, at rest,
//
//   accepted = sent + dropped
//
// Whatever is accepted has a Parcel. A parcel that is destroyed before it was sent counts as dropped, whichever buffer
// it was in and however its task ended, so nothing can be lost without being counted.
//
// A WebSocket does not confirm messages. What was sent on a connection that was lost, and which the peer has not
// confirmed by replying to a later ping, is also counted as unconfirmed: the peer may have it, or not. So the peer has
// at least what was sent less the unconfirmed, and at most what was sent and what was tried.

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "soak/metrics/label.h"
#include "soak/metrics/metrics.h"

namespace pusher::listen {

enum class Flow : std::uint8_t {
  kAudio,          // To the pusher, in bytes.
  kSegments,       // To the pusher.
  kSamples,        // To the pusher.
  kFinalisations,  // To the pusher; sent once they are answered.
  kSpeechAudio,    // To speech to text, in bytes.
  kSpeakers,       // Segments whose speaker is to be identified.
  kPhotos,         // To the stores.
};

inline constexpr soak::Label kUnknownFlow = "unknown";

constexpr soak::Label label_of(Flow flow) {
  switch (flow) {
    case Flow::kAudio:
      return "audio";
    case Flow::kSegments:
      return "segments";
    case Flow::kSamples:
      return "speaker_samples";
    case Flow::kFinalisations:
      return "pending_conversations";
    case Flow::kSpeechAudio:
      return "speech_audio";
    case Flow::kSpeakers:
      return "speakers";
    case Flow::kPhotos:
      return "photos";
  }
  return kUnknownFlow;
}

constexpr std::size_t count_flows() {
  std::size_t count = 0;
  while (label_of(static_cast<Flow>(count)).view() != kUnknownFlow.view()) {
    ++count;
  }
  return count;
}
inline constexpr std::size_t kFlows = count_flows();

struct FlowCount {
  std::uint64_t accepted = 0;
  std::uint64_t sent = 0;
  std::uint64_t dropped = 0;
  std::uint64_t unconfirmed = 0;  // Of the sent.
  std::uint64_t tried = 0;        // Sends that failed, and were repeated or dropped: the peer may have that, or not.

  std::uint64_t held() const { return accepted - sent - dropped; }
};

// Metric: listen_dropped_total{flow}.
class Flows {
 public:
  Flows();
  Flows(const Flows&) = delete;
  Flows& operator=(const Flows&) = delete;

  const FlowCount& of(Flow flow) const { return counts_[static_cast<std::size_t>(flow)]; }
  void add_unconfirmed(Flow flow, std::uint64_t amount) { at(flow).unconfirmed += amount; }
  void add_tried(Flow flow, std::uint64_t amount) { at(flow).tried += amount; }

 private:
  friend class Parcel;

  FlowCount& at(Flow flow) { return counts_[static_cast<std::size_t>(flow)]; }
  void drop(Flow flow, std::uint64_t amount) noexcept;

  std::array<FlowCount, kFlows> counts_{};
  std::vector<soak::metrics::Counter> dropped_;
};

// A piece of what was accepted. The flows outlive it.
class Parcel {
 public:
  Parcel(Flows& flows, Flow flow, std::uint64_t amount) : flows_(&flows), flow_(flow), amount_(amount) {
    flows.at(flow).accepted += amount;
  }
  Parcel(Parcel&& other) noexcept
      : flows_(other.flows_), flow_(other.flow_), amount_(std::exchange(other.amount_, 0)) {}
  Parcel& operator=(Parcel&& other) noexcept {
    std::swap(flows_, other.flows_);
    std::swap(flow_, other.flow_);
    std::swap(amount_, other.amount_);
    return *this;
  }
  ~Parcel() {
    if (amount_ > 0) {
      flows_->drop(flow_, amount_);
    }
  }

  Flow flow() const { return flow_; }
  std::uint64_t amount() const { return amount_; }
  void sent() { flows_->at(flow_).sent += std::exchange(amount_, 0); }

 private:
  Flows* flows_;
  Flow flow_;
  std::uint64_t amount_;
};

}  // namespace pusher::listen

#endif  // PUSHER_LISTEN_FLOWS_H_
