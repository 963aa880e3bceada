// SPDX-License-Identifier: Apache-2.0
// Hostile clients of the fakes of Telegram, Slack and Discord: whatever they ask for, each request is answered in the
// provider's form, and the ledger adds up.
//
// The script's subject is the fake: "telegram", "slack" or "discord". Behind a '^' stands how many seconds pass before
// the next request, which goes out whether the one before has been answered or not, and what the next send suffers, by
// the name of a fault. In a request {webhook} stands for the path of the fake's webhook, {token} and {refresh} for the
// tokens that are valid.

#include <rapidjson/document.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http_script.h"
#include "lib/json/reader.h"
#include "lib/text/ascii.h"
#include "require.h"
#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/net/http_client.h"
#include "soak/peers/channel_faults.h"
#include "soak/peers/channel_ledger.h"
#include "soak/peers/discord_peer.h"
#include "soak/peers/slack_peer.h"
#include "soak/peers/telegram_peer.h"
#include "soak/supervise.h"
#include "soak/task.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using fuzz::require;
using peers::ChannelFault;
using peers::ChannelFaultKind;

// What the next send suffers, once.
class NextFault {
 public:
  void set(std::string_view name) {
    for (std::size_t kind = 0; kind < peers::kChannelFaultKinds; ++kind) {
      if (peers::to_string(static_cast<ChannelFaultKind>(kind)) == name) {
        next_ = static_cast<ChannelFaultKind>(kind);
      }
    }
  }
  ChannelFault take() {
    ChannelFault fault;
    fault.kind = std::exchange(next_, ChannelFaultKind::kNone);
    if (fault.kind == ChannelFaultKind::kRefuse) {
      fault.text = "invalid_blocks";
    }
    return fault;
  }

 private:
  ChannelFaultKind next_ = ChannelFaultKind::kNone;
};

struct Answers {
  std::uint64_t sent = 0;
  std::map<int, std::uint64_t> by_status;  // 0: none.
  std::uint64_t without_fault = 0;         // The provider has no fault of that name.
};

using CheckAnswer = void (*)(const net::HttpResponse&);

// UTF-8, as JSON is.
bool read_json(const net::HttpResponse& response, rapidjson::Document& into) {
  constexpr unsigned kFlags = rapidjson::kParseValidateEncodingFlag | rapidjson::kParseIterativeFlag;
  into.Parse<kFlags>(response.body.data(), response.body.size());
  return !into.HasParseError() && into.IsObject() &&
         response.headers.get("Content-Type").starts_with("application/json");
}

bool is_bool(const rapidjson::Value& object, const char* name) {
  const rapidjson::Value* const value = json::member(object, name);
  return value != nullptr && value->IsBool();
}

bool is_integer(const rapidjson::Value& object, const char* name) {
  const rapidjson::Value* const value = json::member(object, name);
  return value != nullptr && value->IsInt();
}

bool is_html(const net::HttpResponse& response) {
  return response.headers.get("Content-Type").starts_with("text/html") && !response.body.empty();
}

void check_telegram(const net::HttpResponse& response) {
  if (response.status == 502) {
    return require(is_html(response), "the proxy answers with HTML");
  }
  rapidjson::Document body;
  require(read_json(response, body) && is_bool(body, "ok"), "telegram answers with an object that says \"ok\"");
  require(body["ok"].GetBool() == (response.status == 200), "telegram says \"ok\" with 200 alone");
  if (body["ok"].GetBool()) {
    return require(body.HasMember("result"), "telegram gives a result");
  }
  require(is_integer(body, "error_code") && body["error_code"].GetInt() == response.status,
          "telegram's error_code is the status");
  require(!json::text_member(body, "description").empty(), "telegram describes the error");
}

void check_slack(const net::HttpResponse& response) {
  if (is_html(response)) {
    constexpr int kStatuses[] = {200, 400, 403, 404, 429, 500, 502};
    return require(std::find(std::begin(kStatuses), std::end(kStatuses), response.status) != std::end(kStatuses),
                   "slack's webhooks answer by a status of theirs");
  }
  rapidjson::Document body;
  require(response.status == 200 || response.status == 429, "slack's Web API answers 200, or 429");
  require(read_json(response, body) && is_bool(body, "ok"), "slack answers with an object that says \"ok\"");
  require(body["ok"].GetBool() || (body.HasMember("error") && body["error"].IsString()), "slack names the error");
}

void check_discord(const net::HttpResponse& response) {
  if (response.status == 204) {
    return require(response.body.empty(), "204 has no body");
  }
  if (is_html(response)) {
    return require(response.status == 403 || response.status == 502, "HTML is the edge's");
  }
  if (response.headers.get("Content-Type").starts_with("text/plain")) {
    return require(response.status == 429 && response.body == "error code: 1015", "plain text is a ban");
  }
  rapidjson::Document body;
  require(read_json(response, body), "discord answers with an object");
  if (response.status == 200) {
    return require(body.HasMember("id"), "discord gives an object with an id");
  }
  require(!json::text_member(body, "message").empty(), "discord says what is wrong");
  require(response.status == 429 ? is_bool(body, "global") : is_integer(body, "code"), "discord gives a code");
}

Task<> ask(net::HttpClient& client, net::HttpRequest request, CheckAnswer check, Answers& answers) {
  const bool has_body = request.method != "HEAD";
  try {
    const net::HttpResponse response = co_await client.send(std::move(request));
    if (response.status == 500 && response.body.find("it has no fault") != std::string::npos) {
      ++answers.without_fault;
      co_return;
    }
    if (has_body) {
      check(response);
    }
    ++answers.by_status[response.status];
  } catch (const net::HttpError& error) {
    require(error.code() == Errc::kConnectionClosed, "what is not answered is reset");
    ++answers.by_status[0];
  } catch (const Error&) {  // It cannot be sent.
    --answers.sent;
  }
}

std::string filled(std::string text, const std::map<std::string, std::string>& places) {
  for (const auto& [name, value] : places) {
    const std::size_t at = text.find(name);
    if (at != std::string::npos) {
      text.replace(at, name.size(), value);
    }
  }
  return text;
}

net::HttpRequest request_of(const fuzz::HttpMessage& message, const std::string& origin,
                            const std::map<std::string, std::string>& places) {
  const std::size_t space = std::min(message.first_line.find(' '), message.first_line.size());
  std::string_view target = std::string_view(message.first_line).substr(space);
  target = text::trim(target.substr(0, target.rfind(" HTTP/")));
  net::HttpRequest request(message.first_line.substr(0, space), origin + filled(std::string(target), places),
                           filled(message.body, places));
  for (const auto& [name, value] : message.headers) {
    if (!text::equal_ignoring_case(name, "Content-Length")) {
      request.headers.add(name, filled(value, places));
    }
  }
  return request;
}

// `origin`, and what stands for the places of a request, are asked for before each.
template <typename Peer, typename Places>
Task<> ask_all(EventLoop& loop, Peer& peer, const std::string& origin, const fuzz::HttpScript& script, Places places,
               CheckAnswer check, NextFault& next, Answers& answers) {
  net::HttpClientOptions options;
  options.timeout = 10min;
  net::HttpClient client(loop, options);
  TaskGroup group(loop);
  for (const fuzz::HttpMessage& message : script.messages) {
    int seconds = 0;
    const char* const end = message.before.data() + message.before.size();
    const char* const rest = std::from_chars(message.before.data(), end, seconds).ptr;
    co_await sleep_for(std::chrono::seconds(std::abs(seconds % 1000)));
    next.set(text::trim(std::string_view(rest, static_cast<std::size_t>(end - rest))));
    ++answers.sent;
    group.start({"request", answers.sent}, ask(client, request_of(message, origin, places()), check, answers),
                TaskKind::kFinite);
  }
  (void)co_await drain(group, {.timeout = 1h});
  co_await peer.close();
}

void check_ledger(const peers::ChannelLedger& ledger, const Answers& answers) {
  require(ledger.requests == answers.sent, "each request is counted once");
  require(ledger.answers_by_status == answers.by_status, "each answer is counted once, by its status");
  std::uint64_t answered = answers.without_fault;
  for (const auto& [status, count] : ledger.answers_by_status) {
    answered += count;
  }
  require(answered == answers.sent, "each request is answered");
  require(ledger.messages_stored + ledger.messages_deduplicated + ledger.refused + ledger.rate_limited <= answered,
          "a request has one outcome");
  require(ledger.stored_twice <= ledger.messages_stored && ledger.out_of_order <= ledger.messages_stored,
          "what is found was stored");
  require(ledger.unknown_outcomes_resolved + ledger.sent_again <= answered, "what came again came");
  require(ledger.findings.size() <= 5 * peers::kChannelFindingKinds, "findings are bounded");
  require(ledger.last_requests.size() == std::min<std::uint64_t>(ledger.requests - answers.without_fault, 128),
          "the last requests are kept");
}

template <typename Peer, typename Places>
void run(VirtualLoop& loop, Peer& peer, const fuzz::HttpScript& script, Places places, CheckAnswer check,
         NextFault& next) {
  Answers answers;
  const std::string origin = "http://127.0.0.1:" + std::to_string(peer.port());
  loop.run(ask_all(loop, peer, origin, script, places, check, next, answers));
  check_ledger(peer.ledger(), answers);
}

std::string path_of(const std::string& url) { return url.substr(url.find('/', std::string_view("http://").size())); }

}  // namespace
}  // namespace soak

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace soak;
  using Places = std::map<std::string, std::string>;
  const fuzz::HttpScript script = fuzz::http_script_of({data, size});
  VirtualLoop loop;
  NextFault next;
  peers::ChannelFaults faults([&next](const peers::ChannelCall&) { return next.take(); });
  if (script.subject == "slack") {
    peers::SlackPeer peer(loop, {.seed = 1, .faults = &faults, .ledger = {.keys_kept = 64}});
    const auto places = [&peer] {
      return Places{{"{webhook}", path_of(peer.webhook_url())},
                    {"{token}", peer.valid_token().empty() ? "xoxb-1" : peer.valid_token()},
                    {"{refresh}", peer.refresh_token()}};
    };
    run(loop, peer, script, places, &check_slack, next);
  } else if (script.subject == "discord") {
    peers::DiscordPeer peer(loop, {.seed = 1, .faults = &faults, .ledger = {.keys_kept = 64}});
    const auto places = [&peer] {
      return Places{{"{webhook}", path_of(peer.webhook_url())},
                    {"{token}", peer.valid_token().empty() ? "a.b.c" : peer.valid_token()}};
    };
    run(loop, peer, script, places, &check_discord, next);
  } else {
    peers::TelegramPeer peer(loop, {.seed = 1, .faults = &faults, .ledger = {.keys_kept = 64}});
    peer.post_text(42, "hello");
    const auto places = [&peer] {
      return Places{{"{token}", peer.valid_token().empty() ? "7:secret" : peer.valid_token()}};
    };
    run(loop, peer, script, places, &check_telegram, next);
  }
  fuzz::require(loop.live_tasks() == 0, "no task is left");
  return 0;
}
