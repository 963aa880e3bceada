// SPDX-License-Identifier: Apache-2.0
#include "soak/channels/telegram.h"

#include <fmt/format.h>

#include <cstdint>

#include "lib/channels/edge.h"
#include "lib/channels/seconds.h"
#include "lib/channels/sender.h"
#include "lib/channels/service.h"
#include "lib/json/reader.h"
#include "lib/json/writer.h"
#include "lib/text/ascii.h"

namespace soak::channels {
namespace {

using namespace std::chrono_literals;

// A little below each published limit, which the server counts by its own clock.
constexpr Pace kChatPace{1050ms, 1};
constexpr Pace kGroupPace{3100ms, 1};  // 20 a minute.
constexpr Pace kOverallPace{40ms, 1};  // 25 of 30 a second.

bool is_number(std::string_view text) {
  if (text.starts_with('-')) {
    text.remove_prefix(1);
  }
  return !text.empty() && text.size() <= 18 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// "Too Many Requests: retry after 5", the only place in very old servers.
std::optional<nanoseconds> wait_in(std::string_view description) {
  constexpr std::string_view kBefore = "retry after ";
  const std::size_t at = description.rfind(kBefore);
  return at == std::string_view::npos ? std::nullopt : parse_wait(description.substr(at + kBefore.size()));
}

class TelegramService final : public Service {
 public:
  explicit TelegramService(std::string url) : url_(std::move(url)) {}

  std::string_view name() const override { return "telegram"; }

  std::string refuse(const Outgoing& message) const override {
    if (std::string wrong = refuse_text(message.text, TelegramChannel::kTextMax); !wrong.empty()) {
      return wrong;
    }
    return refuse_conversation(message.conversation);
  }

  std::string refuse_conversation(std::string_view chat) const override {
    return is_number(chat) || (chat.size() > 1 && chat.starts_with('@') && text::trim(chat, text::kWhiteSpace) == chat)
               ? ""
               : "a chat that is neither a number nor \"@name\"";
  }

  net::HttpRequest request(const Outgoing& message, const std::string& token) const override {
    json::Writer json;
    json.object().key("chat_id");
    if (is_number(message.conversation)) {
      json.raw(message.conversation);
    } else {
      json.text(message.conversation);
    }
    json.key("text").text(message.text).end_object();
    net::Headers headers;
    headers.add("Content-Type", "application/json");
    return {"POST", fmt::format("{}/bot{}/sendMessage", url_, token), json.take(), std::move(headers)};
  }

  Answer read(const net::HttpResponse& response) const override {
    const json::Document body(response.body);
    if (json::member(body.value(), "ok") == nullptr) {
      return edge_answer(response);
    }
    const std::string_view description = json::text_member(body.value(), "description");
    Answer answer;
    answer.rate_limited = response.status == 429;
    answer.auth_failure = response.status == 401 || response.status == 403;
    answer.meaning = meaning_of(response, body, description);
    if (answer.meaning != Meaning::kDelivered) {
      answer.why = fmt::format("{} {}", response.status, description);
    }
    const json::Value* const parameters = json::member(body.value(), "parameters");
    if (answer.meaning == Meaning::kDelivered) {
      const json::Value* const result = json::member(body.value(), "result");
      const auto id = result == nullptr ? std::nullopt : json::integer_member(*result, "message_id");
      answer.id = id ? std::to_string(*id) : "";
      const json::Value* const chat = result == nullptr ? nullptr : json::member(*result, "chat");
      const auto number = chat == nullptr ? std::nullopt : json::integer_member(*chat, "id");
      answer.conversation = number ? std::to_string(*number) : "";
    } else if (answer.meaning == Meaning::kWait) {
      if (parameters != nullptr) {
        answer.wait = wait_member(*parameters, "retry_after");
      }
      if (!answer.wait) {
        answer.wait = retry_after(response);
      }
      if (!answer.wait) {
        answer.wait = wait_in(description);
      }
    } else if (response.status == 400 && parameters != nullptr) {
      if (const auto chat = json::integer_member(*parameters, "migrate_to_chat_id")) {
        answer.meaning = Meaning::kMoved;
        answer.moved_to = std::to_string(*chat);
      }
    }
    return answer;
  }

  bool is_name(std::string_view chat) const override { return chat.starts_with('@'); }

  Pace conversation_pace(std::string_view conversation) const override {
    return conversation.starts_with('-') || is_name(conversation) ? kGroupPace : kChatPace;
  }
  Pace overall_pace() const override { return kOverallPace; }

 private:
  static Meaning meaning_of(const net::HttpResponse& response, const json::Document& body,
                            std::string_view description) {
    switch (response.status) {
      case 200:
        return json::flag_member(body.value(), "ok") ? Meaning::kDelivered : Meaning::kUnknown;
      case 429:
        return Meaning::kWait;
      case 401:
      case 404:  // {"ok":false,...,"description":"Not Found"}: what the cloud says to a token that is none.
      case 421:
        return Meaning::kCredentialRefused;
      case 403:
        return Meaning::kConversationGone;
      default:
        break;
    }
    if (response.status >= 400 && response.status < 500) {
      return description.ends_with("chat not found") ? Meaning::kConversationGone : Meaning::kRejected;
    }
    return Meaning::kUnknown;
  }

  std::string url_;
};

std::unique_ptr<Sender> make_sender(EventLoop& loop, const TelegramOptions& options) {
  return std::make_unique<Sender>(loop, std::make_unique<TelegramService>(options.url),
                                  SenderOptions(options.delivery, options.url, options.token));
}

}  // namespace

TelegramChannel::TelegramChannel(EventLoop& loop, const TelegramOptions& options)
    : PacedChannel(make_sender(loop, options)) {}

}  // namespace soak::channels
