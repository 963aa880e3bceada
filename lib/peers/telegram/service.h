// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_TELEGRAM_SERVICE_H_
#define SOAK_LIB_PEERS_TELEGRAM_SERVICE_H_

// How the fake of the Telegram Bot API responds to requests. It does not depend on the transport. A method of the API
// is a row in service.cc, and a member below "The methods".

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "lib/peers/channel_control.h"
#include "lib/peers/channel_service.h"
#include "lib/peers/deliveries.h"
#include "lib/peers/recent_messages.h"
#include "lib/peers/telegram/formatted_text.h"
#include "lib/peers/telegram/message.h"
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
  // A user's message. Returns its id; empty if there is no such chat.
  std::string post(const IncomingMessage& message);
  Deliveries& deliveries() { return deliveries_; }

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

  struct Webhook {
    std::string url;  // Empty if there is none.
    std::string secret;
  };
  struct Method {
    std::string_view name;
    ChannelAnswer (TelegramService::*serve)(ChannelRequest& request, const Arguments& arguments);
  };
  static const Method kMethods[];

  // The methods.
  ChannelAnswer send_message(ChannelRequest& request, const Arguments& arguments);
  ChannelAnswer edit_message_text(ChannelRequest& request, const Arguments& arguments);
  ChannelAnswer delete_message(ChannelRequest& request, const Arguments& arguments);
  ChannelAnswer set_message_reaction(ChannelRequest& request, const Arguments& arguments);
  ChannelAnswer get_me(ChannelRequest& request, const Arguments& arguments);
  ChannelAnswer get_chat(ChannelRequest& request, const Arguments& arguments);
  ChannelAnswer send_chat_action(ChannelRequest& request, const Arguments& arguments);
  ChannelAnswer set_my_commands(ChannelRequest& request, const Arguments& arguments);
  ChannelAnswer get_my_commands(ChannelRequest& request, const Arguments& arguments);
  ChannelAnswer delete_my_commands(ChannelRequest& request, const Arguments& arguments);
  ChannelAnswer set_webhook(ChannelRequest& request, const Arguments& arguments);
  ChannelAnswer delete_webhook(ChannelRequest& request, const Arguments& arguments);
  ChannelAnswer get_webhook_info(ChannelRequest& request, const Arguments& arguments);
  Task<ChannelAnswer> get_updates(ChannelRequest& request, const Arguments& arguments);

  ChannelAnswer error(ChannelRequest& request, int code, std::string_view description);
  bool knows(std::string_view chat) const;
  static std::string chat_of(const Arguments& arguments);
  // The error for this chat_id; empty if it is good.
  std::string chat_problem(const Arguments& arguments, const std::string& chat) const;
  // What the arguments make of a message. These throw FormatError.
  FormattedText formatted(const Arguments& arguments);
  std::string inline_keyboard(const Arguments& arguments);
  std::string reply_target(const Arguments& arguments, const std::string& chat);

  // Serve what concerns a message, or a chat; `absent` is the error where there is no such message.
  ChannelAnswer with_message(ChannelRequest& request, const Arguments& arguments, std::string_view absent,
                             const std::function<net::HttpResponse(TelegramMessage& message)>& change);
  ChannelAnswer with_chat(ChannelRequest& request, const Arguments& arguments,
                          const std::function<net::HttpResponse(const std::string& chat)>& respond);

  std::string bot_user(bool whole) const;
  std::string json_of(const TelegramMessage& message, bool with_reply = true);
  std::int64_t unix_time() const;
  void deliver(std::string update);

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
  std::int64_t messages_made_ = 0;
  RecentMessages<TelegramMessage> messages_;
  std::map<std::string, std::string> commands_;  // By scope and language.
  Webhook webhook_;
  std::int64_t updates_made_ = 0;
  std::deque<Update> updates_;
  Poll* poll_ = nullptr;
  Deliveries deliveries_;
};

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_TELEGRAM_SERVICE_H_
