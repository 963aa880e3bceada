// SPDX-License-Identifier: Apache-2.0
#ifndef PUSHER_LEDGER_H_
#define PUSHER_LEDGER_H_

// Counts what the service has accepted and what became of it: stored, dropped (in which queue, and why), or held.
//
// Whatever is accepted has an Entry, which goes with it from buffer to queue to upload. An Entry that is destroyed
// before it was stored counts as dropped: a queue that makes room, a session that ends and a task that is destroyed
// where it stands need no code for that, and nothing can be lost without being counted. So at any time, for each sink:
//
//   accepted = stored + dropped + held
//
// Items are deliveries (a sample, a transcript to one integration); bytes are their payload. Audio, which is cut into
// deliveries only later, has bytes alone, and a drop of it counts as one item of its queue. A drop is uncertain if a
// request for it was under way or unanswered: the store may have it. So a store holds at least what is stored, and at
// most that and the uncertain drops.

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "soak/metrics/label.h"
#include "soak/metrics/metrics.h"

namespace pusher {

// Where the work goes.
enum class Sink : std::uint8_t {
  kPrivateCloud,
  kAudioApp,
  kAudioWebhook,
  kIntegrations,
  kTranscriptWebhook,
  kSpeakerSamples,
};

// Where it waits: the `queue` of the metrics.
enum class Place : std::uint8_t {
  kTranscript,
  kSpeakerSample,
  kAudioBytes,
  kPrivateCloud,
  kPrivateCloudPending,
  kAudioAppBuffer,
  kAudioWebhookBuffer,
  kPrivateCloudBuffer,
};

enum class DropReason : std::uint8_t {
  kFull,            // The queue was full: the oldest made room.
  kBudget,          // The session's bytes were used up.
  kFailed,          // The store refused it, as often as it was tried.
  kDeleted,         // The conversation no longer exists.
  kNoConversation,  // Audio before the first conversation of the session.
  kSessionEnded,    // The session, or its drain, ended first.
};

// What is no enumerator.
inline constexpr soak::Label kUnknown = "unknown";

constexpr soak::Label label_of(Sink sink) {
  switch (sink) {
    case Sink::kPrivateCloud:
      return "private_cloud";
    case Sink::kAudioApp:
      return "audio_app";
    case Sink::kAudioWebhook:
      return "audio_webhook";
    case Sink::kIntegrations:
      return "integrations";
    case Sink::kTranscriptWebhook:
      return "transcript_webhook";
    case Sink::kSpeakerSamples:
      return "speaker_samples";
  }
  return kUnknown;
}

constexpr soak::Label label_of(Place place) {
  switch (place) {
    case Place::kTranscript:
      return "transcript";
    case Place::kSpeakerSample:
      return "speaker_sample";
    case Place::kAudioBytes:
      return "audio_bytes";
    case Place::kPrivateCloud:
      return "private_cloud";
    case Place::kPrivateCloudPending:
      return "private_cloud_pending";
    case Place::kAudioAppBuffer:
      return "audio_app_buffer";
    case Place::kAudioWebhookBuffer:
      return "audio_webhook_buffer";
    case Place::kPrivateCloudBuffer:
      return "private_cloud_buffer";
  }
  return kUnknown;
}

constexpr soak::Label label_of(DropReason reason) {
  switch (reason) {
    case DropReason::kFull:
      return "full";
    case DropReason::kBudget:
      return "budget";
    case DropReason::kFailed:
      return "failed";
    case DropReason::kDeleted:
      return "deleted";
    case DropReason::kNoConversation:
      return "no_conversation";
    case DropReason::kSessionEnded:
      return "session_ended";
  }
  return kUnknown;
}

// How many enumerators there are: each has a label.
template <typename Enum>
constexpr std::size_t count_of() {
  std::size_t count = 0;
  while (label_of(static_cast<Enum>(count)).view() != kUnknown.view()) {
    ++count;
  }
  return count;
}
inline constexpr std::size_t kSinks = count_of<Sink>();
inline constexpr std::size_t kPlaces = count_of<Place>();
inline constexpr std::size_t kDropReasons = count_of<DropReason>();

struct Tally {
  std::uint64_t items = 0;
  std::uint64_t bytes = 0;

  Tally& operator+=(const Tally& other) {
    items += other.items;
    bytes += other.bytes;
    return *this;
  }
  Tally& operator-=(const Tally& other) {
    items -= other.items;
    bytes -= other.bytes;
    return *this;
  }
  friend Tally operator+(Tally a, const Tally& b) { return a += b; }
  friend bool operator==(const Tally&, const Tally&) = default;
};

// Metrics: pusher_queue_drops_total{queue} and pusher_queue_dropped_bytes_total{queue} for kFull and kBudget,
// pusher_private_cloud_upload_drops_total for uploads that failed too often, pusher_drops_total{queue,reason} for all.
class Ledger {
 public:
  Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  const Tally& accepted(Sink sink) const { return sinks_[index(sink)].accepted; }
  const Tally& stored(Sink sink) const { return sinks_[index(sink)].stored; }
  const Tally& dropped(Sink sink) const { return sinks_[index(sink)].dropped; }
  const Tally& uncertain(Sink sink) const { return sinks_[index(sink)].uncertain; }  // Of the dropped.
  const Tally& held(Sink sink) const { return sinks_[index(sink)].held; }
  const Tally& dropped(Place place, DropReason reason) const { return drops_[index(place)][index(reason)]; }
  Tally held() const;

  // For every sink: accepted = stored + dropped + held.
  bool balanced() const;

 private:
  friend class Entry;
  friend class DropScope;

  struct Account {
    Tally accepted;
    Tally stored;
    Tally dropped;
    Tally uncertain;
    Tally held;
  };
  struct PlaceMetrics {
    soak::metrics::Counter drops;
    soak::metrics::Counter bytes;
    std::vector<soak::metrics::Counter> by_reason;
  };

  template <typename Enum>
  static constexpr std::size_t index(Enum value) {
    return static_cast<std::size_t>(value);
  }
  void accept(Sink sink, const Tally& what);
  void store(Sink sink, const Tally& what);
  void drop(Sink sink, Place place, DropReason reason, bool uncertain, const Tally& what) noexcept;

  std::array<Account, kSinks> sinks_{};
  std::array<std::array<Tally, kDropReasons>, kPlaces> drops_{};
  std::vector<PlaceMetrics> metrics_;  // By Place.
  soak::metrics::Counter upload_drops_;
  DropReason reason_ = DropReason::kSessionEnded;
};

// The reason of the entries that are destroyed while it exists.
class DropScope {
 public:
  DropScope(Ledger& ledger, DropReason reason) : ledger_(&ledger), before_(ledger.reason_) { ledger.reason_ = reason; }
  ~DropScope() { ledger_->reason_ = before_; }
  DropScope(const DropScope&) = delete;
  DropScope& operator=(const DropScope&) = delete;

 private:
  Ledger* ledger_;
  DropReason before_;
};

// One piece of accepted work. The ledger outlives it.
class Entry {
 public:
  Entry() = default;  // Of nothing.
  Entry(Ledger& ledger, Sink sink, Place place, Tally what);
  Entry(Entry&& other) noexcept;
  Entry& operator=(Entry&& other) noexcept;
  ~Entry() { drop_rest(); }

  void move_to(Place place) { place_ = place; }
  void set_uncertain(bool uncertain) { uncertain_ = uncertain; }
  bool uncertain() const { return uncertain_; }
  const Tally& left() const { return left_; }

  // Takes over what `other` has, of the same sink.
  void absorb(Entry&& other);

  void store() { store(left_.items); }
  void drop(DropReason reason) { drop(reason, left_.items); }
  // That many of the items, with their share of the bytes.
  void store(std::uint64_t items);
  void drop(DropReason reason, std::uint64_t items);

 private:
  Tally take(std::uint64_t items);
  void drop_rest() noexcept;

  Ledger* ledger_ = nullptr;
  Sink sink_ = Sink::kPrivateCloud;
  Place place_ = Place::kPrivateCloud;
  bool uncertain_ = false;
  Tally left_;
};

}  // namespace pusher

#endif  // PUSHER_LEDGER_H_
