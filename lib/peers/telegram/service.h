// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_TELEGRAM_SERVICE_H_
#define SOAK_LIB_PEERS_TELEGRAM_SERVICE_H_

// How the fake of the Telegram Bot API responds to requests. It does not depend on the transport.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "lib/peers/channel_service.h"
#include "soak/event.h"
#include "soak/peers/telegram_peer.h"
#include "soak/task.h"

namespace soak::peers {

class TelegramService final : public ChannelService {
 public:
  TelegramService(EventLoop& loop, TelegramPeerOptions options, std::uint64_t seed);
  ~TelegramService() = default;

  // Only getUpdates makes it wait. The task must end before the service is destroyed.
  Task<ChannelAnswer> answer(net::HttpServerRequest request);
  static bool is_send(const net::HttpServerRequest& head);

  const std::string& valid_token() const { return credential_.current(); }
  void rotate_token(std::string token);
  void post_text(std::int64_t chat, std::string_view text);

 private:
  // A getUpdates call that is waiting for an update.
  struct Poll {
    explicit Poll(TelegramService& own) : service(own) {}
    ~Poll() {
      if (service.poll_ == this) {
        service.poll_ = nullptr;
      }
    }
    Poll(const Poll&) = delete;
    Poll& operator=(const Poll&) = delete;

    TelegramService& service;
    Event wake;
    bool superseded = false;
  };
  struct Update {
    std::int64_t id;
    std::string json;
  };

  ChannelAnswer send_message(ChannelRequest& request, const Arguments& arguments);
  Task<ChannelAnswer> get_updates(ChannelRequest& request, const Arguments& arguments);
  ChannelAnswer error(ChannelRequest& request, int code, std::string_view description);
  bool knows(std::string_view chat) const;
  std::string bot_user(bool whole) const;
  std::string message(const std::string& chat, std::string_view text);

  std::optional<RateLimited> reached_limit(const ChannelRequest& request) override;
  bool has_form(ChannelFaultKind form) const override;
  net::HttpResponse too_many(const ChannelRequest& request, const RateLimited& limited) override;
  net::HttpResponse server_error(const ChannelRequest& request, bool stored) override;
  net::HttpResponse refusal(const ChannelRequest& request, const ChannelFault& fault) override;
  ChannelAnswer play_own(ChannelRequest& request, const ChannelFault& fault, const Store& store) override;

  TelegramPeerOptions options_;
  Credential credential_;
  TokenBucket all_chats_;
  std::string bot_id_;  // From the token of the last valid call.
  std::int64_t messages_ = 0;
  std::int64_t updates_made_ = 0;
  std::deque<Update> updates_;
  Poll* poll_ = nullptr;
};

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_TELEGRAM_SERVICE_H_
