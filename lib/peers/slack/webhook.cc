// SPDX-License-Identifier: Apache-2.0
// The incoming webhook.

#include <utility>

#include "lib/peers/slack/service.h"

namespace soak::peers {
namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kFloodTime = std::chrono::minutes{5};

}  // namespace

ChannelAnswer SlackService::webhook(ChannelRequest& request, net::HttpServerRequest& http,
                                    const std::vector<std::string>& path) {
  const bool is_ours = path.size() == 4 && path[1] + "/" + path[2] == webhook_id_;
  const auto standing = is_ours ? webhook_.standing(path[3]) : Credential::Standing::kUnknown;
  if (is_ours) {
    request.conversation = std::string(kSlackWebhook) + webhook_id_;
  }
  if (is_ours) {
    request.credential = webhook_.generation(path[3]);
  }
  Arguments arguments;
  bool parsed = http.method == "POST";
  if (parsed) {
    std::string json;
    if (content_type(http.headers).type == BodyType::kForm) {  // payload={"text":..}
      Arguments form;
      form.add_form(http.body);
      json = form.text("payload");
    } else {
      json = std::move(http.body);
    }
    try {
      arguments.add_json(parser_, std::move(json));
    } catch (const Refusal&) {
      parsed = false;
    }
  }
  const MessageKey key = key_of(arguments.text("text"), {});
  request.key = key.key;
  const auto inside = book_.arrive(request);
  const auto refuse = [&](int status, std::string body, ChannelOutcome outcome = ChannelOutcome::kRefused) {
    return finish(request, outcome, slack_text(status, std::move(body)));
  };
  if (standing != Credential::Standing::kValid) {
    book_.refuse_credential(request, standing == Credential::Standing::kOutdated);
    // Users have reported this text. There is no source for the status.
    return refuse(404, "no_service", ChannelOutcome::kCredential);
  }
  if (options_.limits.on && options_.limits.webhook_flood > 0) {
    if (webhook_posts_.remaining(options_.limits.webhook_flood, kFloodTime, loop_.now()) == 0) {
      webhook_disabled_ = true;
    }
    webhook_posts_.take(kFloodTime, loop_.now());
  }
  if (webhook_disabled_) {
    return refuse(403, "action_prohibited");
  }
  if (inside) {
    return turn_away(request, *inside);
  }
  if (!parsed) {
    return refuse(400, "invalid_payload");
  }
  SlackMessage message;
  if (!arguments.is_utf8()) {
    return refuse(400, "invalid_payload");
  }
  if (const Problem problem = read_payload(arguments, message); !problem.error.empty()) {
    return refuse(400, problem.error == "invalid_blocks" ? problem.error : "invalid_payload");
  }
  return serve_send(request, false, [&](ChannelRequest& stored) {
    book_.store(stored, key);
    stored.outcome = ChannelOutcome::kStored;
    return slack_text(200, "ok");
  });
}

}  // namespace soak::peers
