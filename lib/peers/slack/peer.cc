// SPDX-License-Identifier: Apache-2.0
#include "soak/peers/slack_peer.h"

#include <utility>

#include "lib/peers/channel_server.h"
#include "lib/peers/slack/service.h"

namespace soak::peers {
namespace {

constexpr const char* kSubject = "slack_peer";

SlackPeerOptions checked(SlackPeerOptions options) {
  const auto require = [](bool met, const char* what) {
    if (!met) {
      throw Error(Errc::kInvalidArgument, std::string(kSubject) + ": " + what);
    }
  };
  const SlackLimits& limits = options.limits;
  require(options.token_lifetime >= std::chrono::nanoseconds::zero(), "token_lifetime is negative");
  require(limits.channel_per_second >= 0 && limits.workspace_per_minute >= 0, "a rate of limits is negative");
  require(limits.channel_burst >= 1 && limits.workspace_burst >= 1, "a burst of limits is less than 1");
  require(limits.webhook_flood >= 0, "limits.webhook_flood is negative");
  require(options.events_url.empty() || Deliveries::reaches(options.events_url),
          "events_url is no http: or https: URL of a loopback address");
  return options;
}

}  // namespace

struct SlackPeer::State : ChannelServer<SlackService, SlackPeerOptions> {
  State(EventLoop& loop, SlackPeerOptions options) : ChannelServer(loop, checked(std::move(options)), kSubject) {
    service.set_origin(origin());
  }
};

SlackPeer::SlackPeer(EventLoop& loop, SlackPeerOptions options)
    : state_(std::make_unique<State>(loop, std::move(options))) {}

SlackPeer::~SlackPeer() = default;

std::string SlackPeer::url() const { return state_->origin() + "/api"; }

std::string SlackPeer::webhook_url() const { return state_->origin() + state_->service.webhook_path(); }

std::uint16_t SlackPeer::port() const { return state_->port(); }

const std::string& SlackPeer::valid_token() const { return state_->service.valid_token(); }

const std::string& SlackPeer::refresh_token() const { return state_->service.refresh_token(); }

void SlackPeer::rotate_token(std::string token, std::string error) {
  state_->service.rotate_token(std::move(token), std::move(error));
}

void SlackPeer::rotate_webhook() { state_->service.rotate_webhook(); }

std::string SlackPeer::control_url() const { return state_->control_url(); }

std::string SlackPeer::post_text(std::string_view channel, std::string_view text, std::string_view user) {
  return state_->service.post({std::string(channel), std::string(text), std::string(user)});
}

const ChannelLedger& SlackPeer::ledger() const { return state_->service.ledger(); }

Task<> SlackPeer::close() { return state_->close(); }

}  // namespace soak::peers
