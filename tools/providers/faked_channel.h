// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TOOLS_PROVIDERS_FAKED_CHANNEL_H_
#define SOAK_TOOLS_PROVIDERS_FAKED_CHANNEL_H_

// A channel client, its fake, and the faults of a soak: for the soak command, and for the soaks and tests of this
// project.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "soak/async_run.h"
#include "soak/channels/channel.h"
#include "soak/event_loop.h"
#include "soak/net/test_ca.h"
#include "soak/peers/channel_faults.h"
#include "soak/peers/channel_ledger.h"

namespace soak::tools {

struct FakedChannelOptions {
  std::uint64_t seed = 0;
  // The number of messages decides the number of faults. In a day with a message each 30 s, the fake refuses twelve
  // with a 429, loses the replies of two, rotates the credential once, and does six things that pass by themselves,
  // such as to refuse a valid credential. With fewer messages there are fewer faults in proportion; with under 100
  // there are none.
  std::chrono::nanoseconds duration = std::chrono::hours{24};
  std::chrono::nanoseconds from{0};  // How much of it has run in other processes.
  std::chrono::nanoseconds interval = std::chrono::seconds{30};
  std::chrono::nanoseconds http_timeout = std::chrono::seconds{15};
  bool pacing = true;
  bool tls = false;  // With a CA of its own.
};

class FakedChannel {
 public:
  // "telegram", "slack", "discord" (a webhook) or "discord-bot". Throws Error(Errc::kInvalidArgument) for another one.
  static std::unique_ptr<FakedChannel> make(std::string_view provider, EventLoop& loop,
                                            const FakedChannelOptions& options);
  virtual ~FakedChannel();
  FakedChannel(const FakedChannel&) = delete;
  FakedChannel& operator=(const FakedChannel&) = delete;

  virtual channels::Channel& channel() = 0;
  virtual const peers::ChannelLedger& ledger() const = 0;
  // The conversations that messages are sent to.
  virtual std::vector<std::string> conversations() const = 0;

  const peers::ChannelFaults& faults() const { return *faults_; }
  // True if there are enough messages for every kind of fault.
  bool plays_all() const { return plays_all_; }

 protected:
  FakedChannel(peers::ChannelProvider provider, const FakedChannelOptions& options);

  net::TlsIdentity identity() const;
  std::string ca_file() const { return ca_ == nullptr ? "" : ca_->ca_file(); }
  channels::DeliveryOptions delivery() const;

  const FakedChannelOptions options_;
  std::unique_ptr<net::TestCa> ca_;
  std::unique_ptr<peers::ChannelFaults> faults_;

 private:
  bool plays_all_ = false;
};

// The options of `faked` for this run: its length, its interval, its seed.
FakedChannelOptions faked_options(AsyncRun& run);

// Sends messages through `faked` for the whole of `run`, and judges both ends.
void drive(AsyncRun& run, FakedChannel& faked);

}  // namespace soak::tools

#endif  // SOAK_TOOLS_PROVIDERS_FAKED_CHANNEL_H_
