// SPDX-License-Identifier: Apache-2.0
#include "soak/peers/telegram_peer.h"

#include <utility>

#include "lib/peers/channel_server.h"
#include "lib/peers/telegram/service.h"

namespace soak::peers {
namespace {

constexpr const char* kSubject = "telegram_peer";

TelegramPeerOptions checked(TelegramPeerOptions options) {
  const auto require = [](bool met, const char* what) {
    if (!met) {
      throw Error(Errc::kInvalidArgument, std::string(kSubject) + ": " + what);
    }
  };
  const TelegramLimits& limits = options.limits;
  require(options.malformed_token_status == 404 || options.malformed_token_status == 401,
          "malformed_token_status is neither 404 nor 401");
  require(limits.chat_per_second >= 0 && limits.group_per_minute >= 0 && limits.per_second >= 0,
          "a rate of limits is negative");
  require(limits.chat_burst >= 1 && limits.group_burst >= 1 && limits.burst >= 1, "a burst of limits is less than 1");
  return options;
}

}  // namespace

struct TelegramPeer::State : ChannelServer<TelegramService, TelegramPeerOptions> {
  State(EventLoop& loop, TelegramPeerOptions options) : ChannelServer(loop, checked(std::move(options)), kSubject) {}
};

TelegramPeer::TelegramPeer(EventLoop& loop, TelegramPeerOptions options)
    : state_(std::make_unique<State>(loop, std::move(options))) {}

TelegramPeer::~TelegramPeer() = default;

std::string TelegramPeer::url() const { return state_->origin(); }

std::string TelegramPeer::control_url() const { return state_->control_url(); }

std::uint16_t TelegramPeer::port() const { return state_->port(); }

const std::string& TelegramPeer::valid_token() const { return state_->service.valid_token(); }

void TelegramPeer::rotate_token(std::string token) { state_->service.rotate_token(std::move(token)); }

std::string TelegramPeer::post_text(std::int64_t chat, std::string_view text) {
  return state_->service.post({std::to_string(chat), std::string(text), {}});
}

const ChannelLedger& TelegramPeer::ledger() const { return state_->service.ledger(); }

Task<> TelegramPeer::close() { return state_->close(); }

}  // namespace soak::peers
