// SPDX-License-Identifier: Apache-2.0
#include "soak/peers/discord_peer.h"

#include <utility>

#include "lib/peers/channel_server.h"
#include "lib/peers/discord/service.h"

namespace soak::peers {
namespace {

constexpr const char* kSubject = "discord_peer";

DiscordPeerOptions checked(DiscordPeerOptions options) {
  const auto require = [](bool met, const char* what) {
    if (!met) {
      throw Error(Errc::kInvalidArgument, std::string(kSubject) + ": " + what);
    }
  };
  using std::chrono::nanoseconds;
  const DiscordLimits& limits = options.limits;
  require(options.nonce_time >= nanoseconds::zero(), "nonce_time is negative");
  require(limits.bucket >= 0 && limits.hidden >= 0 && limits.global_per_second >= 0 && limits.invalid >= 0,
          "a count of limits is negative");
  require(limits.bucket_time > nanoseconds::zero() && limits.hidden_time > nanoseconds::zero() &&
              limits.invalid_time > nanoseconds::zero() && limits.ban > nanoseconds::zero(),
          "a time of limits is not above 0");
  return options;
}

}  // namespace

struct DiscordPeer::State : ChannelServer<DiscordService, DiscordPeerOptions> {
  State(EventLoop& loop, DiscordPeerOptions options) : ChannelServer(loop, checked(std::move(options)), kSubject) {
    service.set_origin(origin());
  }
};

DiscordPeer::DiscordPeer(EventLoop& loop, DiscordPeerOptions options)
    : state_(std::make_unique<State>(loop, std::move(options))) {}

DiscordPeer::~DiscordPeer() = default;

std::string DiscordPeer::url() const { return state_->origin() + "/api/v10"; }

std::string DiscordPeer::webhook_url() const { return url() + state_->service.webhook_path(); }

std::uint16_t DiscordPeer::port() const { return state_->port(); }

const std::string& DiscordPeer::valid_token() const { return state_->service.valid_token(); }

void DiscordPeer::rotate_token(std::string token) { state_->service.rotate_token(std::move(token)); }

void DiscordPeer::rotate_webhook() { state_->service.rotate_webhook(); }

std::string DiscordPeer::control_url() const { return state_->control_url(); }

std::string DiscordPeer::post_text(std::string_view channel, std::string_view text, std::string_view user) {
  return state_->service.post({std::string(channel), std::string(text), std::string(user)});
}

const ChannelLedger& DiscordPeer::ledger() const { return state_->service.ledger(); }

int DiscordPeer::invalid_requests() const { return state_->service.invalid_requests(); }

Task<> DiscordPeer::close() { return state_->close(); }

}  // namespace soak::peers
