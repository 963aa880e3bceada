// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/slack/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lib/json/writer.h"
#include "lib/peers/authorization.h"
#include "lib/text/ascii.h"
#include "lib/text/utf8.h"

namespace soak::peers {
namespace {

using Kind = ChannelFaultKind;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr std::size_t kTextMax = 40'000;  // A longer text is cut to this and posted.
constexpr std::size_t kMarkdownMax = 12'000;
constexpr std::size_t kAttachmentsMax = 100;
constexpr std::size_t kBlocksMax = 50;
constexpr nanoseconds kFloodTime = std::chrono::minutes{5};
constexpr std::string_view kWebhook = "services/";  // Prefix of a webhook's conversation.

net::HttpResponse text_response(int status, std::string body) {
  return net::HttpResponse(status, std::move(body), {{"Content-Type", "text/html"}});
}

bool is_capital_or_digit(char c) { return text::is_upper(c) || text::is_digit(c); }

bool is_webhook(const ChannelRequest& request) { return request.conversation.starts_with(kWebhook); }

// The errors that mean that the token is not accepted (docs.slack.dev, chat.postMessage).
bool is_credential_error(std::string_view error) {
  constexpr std::string_view kErrors[] = {"not_authed",
                                          "invalid_auth",
                                          "account_inactive",
                                          "token_revoked",
                                          "token_expired",
                                          "not_allowed_token_type",
                                          "missing_scope",
                                          "no_permission",
                                          "access_denied",
                                          "org_login_required",
                                          "ekm_access_denied",
                                          "app_access_restricted",
                                          "two_factor_setup_required"};
  return std::find(std::begin(kErrors), std::end(kErrors), error) != std::end(kErrors);
}

bool is_unknown_outcome(std::string_view error) {
  return error == "internal_error" || error == "fatal_error" || error == "request_timeout" ||
         error == "service_unavailable" || error == "team_added_to_org";
}

}  // namespace

SlackService::SlackService(EventLoop& loop, SlackPeerOptions options, std::uint64_t seed)
    : ChannelService(loop, "slack_peer", seed, options.faults, options.ledger),
      options_(std::move(options)),
      credential_(options_.token),
      token_made_(loop.now()),
      refresh_token_(options_.refresh_token.empty() ? ids_.next("xoxe-1-") : options_.refresh_token),
      webhook_(ids_.next({})) {}

bool SlackService::is_send(const net::HttpServerRequest& head) {
  return head.path == "/api/chat.postMessage" || head.path.starts_with("/services/");
}

net::HttpResponse SlackService::json_response(std::string body) {
  return net::HttpResponse(200, std::move(body),
                           {{"Content-Type", "application/json; charset=utf-8"}, {"x-slack-req-id", ids_.next({})}});
}

ChannelAnswer SlackService::error(ChannelRequest& request, std::string_view name) {
  json::Writer json;
  json.object().key("ok").boolean(false).key("error").text(name).end_object();
  const ChannelOutcome outcome = is_credential_error(name) ? ChannelOutcome::kCredential : ChannelOutcome::kRefused;
  return finish(request, outcome, json_response(json.take()));
}

void SlackService::rotate_token(std::string token, std::string error) {
  if (token.empty()) {
    token = ids_.next("xoxe.xoxb-1-");
  }
  credential_.rotate(std::move(token));
  outdated_error_ = std::move(error);
  token_made_ = loop_.now();
  expiry_told_ = false;
  graced_token_.clear();
  book_.rotated();
  if (options_.on_rotation) {
    options_.on_rotation(credential_.current());
  }
}

void SlackService::rotate_webhook() {
  webhook_.rotate(ids_.next({}));
  webhook_disabled_ = false;
  book_.rotated();
  if (options_.on_rotation) {
    options_.on_rotation(origin_ + webhook_path());
  }
}

// Makes a new pair of tokens. The old access token stays valid until it expires (docs.slack.dev, "Using token
// rotation").
std::string SlackService::mint_tokens() {
  const std::string token = ids_.next("xoxe.xoxb-1-");
  refresh_token_ = ids_.next("xoxe-1-");
  // If the fake accepts any token and none expires, it accepts this one and the earlier ones too.
  if (credential_.any() && options_.token_lifetime == nanoseconds::zero()) {
    return token;
  }
  graced_token_ = credential_.current();
  graced_made_ = token_made_;
  credential_.rotate(token);
  token_made_ = loop_.now();
  expiry_told_ = false;
  if (options_.on_rotation) {
    options_.on_rotation(token);
  }
  return token;
}

std::string SlackService::refusal_of(std::string_view token) const {
  if (token.empty()) {
    return "not_authed";
  }
  const bool ages = options_.token_lifetime > nanoseconds::zero();
  const auto expired = [&](Instant made) { return ages && loop_.now() >= made + options_.token_lifetime; };
  switch (credential_.standing(token)) {
    case Credential::Standing::kValid:
      if (!token.starts_with("xox")) {
        return "invalid_auth";
      }
      return expired(token_made_) ? "token_expired" : "";
    case Credential::Standing::kOutdated:
      if (token == graced_token_ && !graced_token_.empty()) {
        return expired(graced_made_) ? "token_expired" : "";
      }
      return outdated_error_;
    case Credential::Standing::kUnknown:
      break;
  }
  return "invalid_auth";
}

SlackService::Question SlackService::read(net::HttpServerRequest& http, std::string_view method) {
  Question question;
  question.method = method;
  question.arguments.add_form(http.query);
  const std::string authorization = http.headers.get("authorization");
  question.token = credentials(authorization, "bearer");
  bool token_may_be_argument = true;
  if (http.method == "POST") {
    const ContentType type = content_type(http.headers);
    switch (type.type) {
      case BodyType::kNone:
        if (!http.body.empty()) {
          question.problem = "missing_post_type";
        }
        break;
      case BodyType::kOther:
        if (!http.body.empty()) {
          question.problem = "invalid_post_type";
        }
        break;
      case BodyType::kForm:
        question.arguments.add_form(http.body);
        break;
      case BodyType::kMultipart:
        if (!question.arguments.add_multipart(http.body, type.boundary)) {
          question.problem = "invalid_form_data";
        }
        break;
      case BodyType::kJson:
        token_may_be_argument = false;  // With JSON the token must be in the header.
        question.missing_charset = type.charset.empty();
        if (!type.charset.empty() && type.charset != "utf-8" && type.charset != "utf8") {
          question.problem = "invalid_charset";
          break;
        }
        try {
          question.arguments.add_json(parser_, std::move(http.body));
        } catch (const Refusal& refusal) {
          question.problem =
              refusal.message.find("expected an object") == std::string::npos ? "invalid_json" : "json_not_object";
        }
        break;
    }
  }
  if (question.problem.empty() && !question.arguments.is_utf8()) {
    question.problem = "invalid_charset";
  }
  if (question.token.empty() && token_may_be_argument) {
    question.token = question.arguments.text("token");
  }
  return question;
}

ChannelAnswer SlackService::answer(net::HttpServerRequest http) {
  ChannelRequest request;
  request.connection = http.connection;
  const std::vector<std::string> path = path_segments(http.path);
  // The response quotes the method's name, so it must be UTF-8.
  if (path.size() == 2 && path[0] == "api" && text::is_utf8(path[1]) &&
      (http.method == "GET" || http.method == "POST")) {
    const Question question = read(http, path[1]);
    return web_api(request, question);
  }
  if (!path.empty() && path[0] == "services") {
    return webhook(request, http, path);
  }
  book_.arrive(request);
  return finish(request, ChannelOutcome::kRefused, text_response(404, "Not Found"));
}

ChannelAnswer SlackService::web_api(ChannelRequest& request, const Question& question) {
  request.credential = credential_.generation(question.token);
  const std::string refused = refusal_of(question.token);
  if (question.method == "chat.postMessage" && question.problem.empty() && refused.empty()) {
    return post_message(request, question);
  }
  const auto inside = book_.arrive(request);
  if (question.method == "api.test" && question.problem.empty()) {
    return api_test(request, question);
  }
  if (question.method == "oauth.v2.access") {
    return refresh(request, question);
  }
  if (question.method != "chat.postMessage" && question.method != "auth.test" && question.method != "api.test") {
    json::Writer json;
    json.object().key("ok").boolean(false).key("error").text("unknown_method");
    json.key("req_method").text(question.method).end_object();
    return finish(request, ChannelOutcome::kRefused, json_response(json.take()));
  }
  if (!question.problem.empty()) {
    return error(request, question.problem);
  }
  if (!refused.empty()) {
    const auto standing = credential_.standing(question.token);
    // An expiry counts as a rotation: the first client to be refused could not have known.
    if (standing == Credential::Standing::kValid && refused == "token_expired" && !expiry_told_) {
      book_.rotated();
      expiry_told_ = true;
    }
    book_.refuse_credential(request, standing != Credential::Standing::kUnknown && !question.token.empty());
    return error(request, refused);
  }
  if (inside) {
    return turn_away(request, *inside);
  }
  json::Writer json;
  json.object().key("ok").boolean(true).key("url").text("https://soak.slack.com/").key("team").text("Soak");
  json.key("user").text("soak").key("team_id").text("T00000001").key("user_id").text("U00000001");
  json.key("bot_id").text("B00000001").key("is_enterprise_install").boolean(false).end_object();
  return finish(request, ChannelOutcome::kAnswered, json_response(json.take()));
}

ChannelAnswer SlackService::api_test(ChannelRequest& request, const Question& question) {
  const Argument* const wanted = question.arguments.find("error");
  json::Writer json;
  json.object().key("ok").boolean(wanted == nullptr);
  if (wanted != nullptr) {
    json.key("error").text(wanted->value);
  }
  json.key("args").object();
  for (const Argument& argument : question.arguments) {
    if (argument.name != "token") {
      json.key(argument.name).text(argument.value);
    }
  }
  json.end_object().end_object();
  return finish(request, wanted == nullptr ? ChannelOutcome::kAnswered : ChannelOutcome::kRefused,
                json_response(json.take()));
}

ChannelAnswer SlackService::refresh(ChannelRequest& request, const Question& question) {
  if (auto failed = fail_refresh(request)) {
    return std::move(*failed);
  }
  if (!question.problem.empty()) {
    return error(request, question.problem);
  }
  const Arguments& arguments = question.arguments;
  const auto is_wrong = [&](std::string_view name, const std::string& right) {
    const std::string_view got = arguments.text(name);
    return got.empty() || (!right.empty() && got != right);
  };
  if (is_wrong("client_id", options_.client_id)) {
    return error(request, "invalid_client_id");
  }
  if (is_wrong("client_secret", options_.client_secret)) {
    return error(request, "bad_client_secret");
  }
  if (arguments.text("grant_type") != "refresh_token") {
    return error(request, "invalid_grant_type");
  }
  if (arguments.text("refresh_token") != refresh_token_) {
    return error(request, "invalid_refresh_token");
  }
  const std::string token = mint_tokens();
  json::Writer json;
  json.object().key("ok").boolean(true).key("access_token").text(token);
  const nanoseconds lifetime =
      options_.token_lifetime > nanoseconds::zero() ? options_.token_lifetime : nanoseconds(std::chrono::hours{12});
  json.key("expires_in").integer(std::chrono::duration_cast<seconds>(lifetime).count());
  json.key("refresh_token").text(refresh_token_).key("token_type").text("bot").key("scope").text("chat:write");
  json.key("bot_user_id").text("U00000001").key("app_id").text("A00000001");
  json.key("team").object().key("id").text("T00000001").key("name").text("Soak").end_object();
  json.key("is_enterprise_install").boolean(false).end_object();
  return finish(request, ChannelOutcome::kAnswered, json_response(json.take()));
}

bool SlackService::knows(std::string_view channel) const {
  if (!options_.channels.empty()) {
    return std::find(options_.channels.begin(), options_.channels.end(), channel) != options_.channels.end();
  }
  if (channel.size() < 2) {
    return false;
  }
  if (channel[0] == '#') {
    return true;
  }
  return (channel[0] == 'C' || channel[0] == 'D' || channel[0] == 'G') &&
         std::all_of(channel.begin(), channel.end(), is_capital_or_digit);
}

// The error for these arguments; empty if they contain a message.
std::string SlackService::payload_error(const Arguments& arguments) {
  const std::string_view text = arguments.text("text");
  const std::string_view markdown = arguments.text("markdown_text");
  if (const Argument* const blocks = arguments.find("blocks")) {
    const auto count = array_size(parser_, blocks->value);
    if (!count) {
      return "invalid_blocks_format";
    }
    if (*count > kBlocksMax) {
      return "invalid_blocks";
    }
  }
  if (const Argument* const attachments = arguments.find("attachments")) {
    const auto count = array_size(parser_, attachments->value);
    if (!count) {
      return "invalid_array_arg";
    }
    if (*count > kAttachmentsMax) {
      return "too_many_attachments";
    }
  }
  if (!markdown.empty() && (!text.empty() || arguments.contains("blocks"))) {
    return "markdown_text_conflict";
  }
  if (text.empty() && markdown.empty() && !arguments.contains("blocks") && !arguments.contains("attachments")) {
    return "no_text";
  }
  // The documented errors of this method have none for this; chat.update returns this one.
  if (text::utf8_length(markdown).value().characters > kMarkdownMax) {
    return "msg_too_long";
  }
  return {};
}

std::string SlackService::next_ts() {
  const auto now = std::chrono::floor<seconds>(loop_.wall_now()).time_since_epoch().count();
  return fmt::format("{}.{:06}", now, ++messages_ % 1'000'000);
}

ChannelAnswer SlackService::post_message(ChannelRequest& request, const Question& question) {
  const Arguments& arguments = question.arguments;
  const std::string channel(arguments.text("channel"));
  const bool known = knows(channel);
  if (known) {
    request.conversation = channel;
  }
  std::string text(arguments.text(arguments.text("text").empty() ? "markdown_text" : "text"));
  const MessageKey key = options_.ledger.key_of(text);
  request.key = key.key;
  if (const auto inside = book_.arrive(request)) {
    return turn_away(request, *inside);
  }

  if (!known) {
    return error(request, "channel_not_found");
  }
  if (const std::string problem = payload_error(arguments); !problem.empty()) {
    return error(request, problem);
  }

  std::vector<std::string_view> warnings;
  if (question.missing_charset) {
    warnings.push_back("missing_charset");
  }
  if (text::utf8_length(text).value().characters > kTextMax) {
    warnings.push_back("message_truncated");
    text.resize(text::first_characters(text, kTextMax).size());
  }
  return serve_send(request, false, [&](ChannelRequest& stored) {
    book_.store(stored, key);
    stored.outcome = ChannelOutcome::kStored;
    const std::string ts = next_ts();
    json::Writer json;
    json.object().key("ok").boolean(true).key("channel").text(channel).key("ts").text(ts);
    json.key("message").object().key("type").text("message").key("subtype").text("bot_message");
    json.key("text").text(text).key("bot_id").text("B00000001").key("ts").text(ts);
    if (arguments.contains("thread_ts")) {
      json.key("thread_ts").text(arguments.text("thread_ts"));
    }
    json.end_object();
    if (!warnings.empty()) {
      std::string joined;
      for (const std::string_view warning : warnings) {
        joined.append(joined.empty() ? "" : ",").append(warning);
      }
      json.key("warning").text(joined).key("response_metadata").object().key("warnings").array();
      for (const std::string_view warning : warnings) {
        json.text(warning);
      }
      json.end_array().end_object();
    }
    return json_response(json.end_object().take());
  });
}

ChannelAnswer SlackService::webhook(ChannelRequest& request, net::HttpServerRequest& http,
                                    const std::vector<std::string>& path) {
  const bool is_ours = path.size() == 4 && path[1] + "/" + path[2] == webhook_id_;
  const auto standing = is_ours ? webhook_.standing(path[3]) : Credential::Standing::kUnknown;
  if (is_ours) {
    request.conversation = std::string(kWebhook) + webhook_id_;
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
  const std::string text(arguments.text("text"));
  const MessageKey key = options_.ledger.key_of(text);
  request.key = key.key;
  const auto inside = book_.arrive(request);
  const auto refuse = [&](int status, std::string body, ChannelOutcome outcome = ChannelOutcome::kRefused) {
    return finish(request, outcome, text_response(status, std::move(body)));
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
  if (!arguments.is_utf8() || !payload_error(arguments).empty()) {
    return refuse(400, "invalid_payload");
  }
  return serve_send(request, false, [&](ChannelRequest& stored) {
    book_.store(stored, key);
    stored.outcome = ChannelOutcome::kStored;
    return text_response(200, "ok");
  });
}

std::optional<RateLimited> SlackService::reached_limit(const ChannelRequest& request) {
  const SlackLimits& limits = options_.limits;
  if (!limits.on) {
    return std::nullopt;
  }
  const Instant now = loop_.now();
  TokenBucket& channel = book_.limit(request).pace;
  const double workspace_per_second = limits.workspace_per_minute / 60;
  const nanoseconds wait = channel.wait(limits.channel_per_second, limits.channel_burst, now);
  if (wait > nanoseconds::zero()) {
    return RateLimited{.retry_after = wait};
  }
  const nanoseconds all = workspace_.wait(workspace_per_second, limits.workspace_burst, now);
  if (all > nanoseconds::zero()) {
    return RateLimited{.scope = Scope::kCredential, .form = Kind::kRateLimitedGlobal, .retry_after = all};
  }
  channel.take(limits.channel_per_second, limits.channel_burst, now);
  workspace_.take(workspace_per_second, limits.workspace_burst, now);
  return std::nullopt;
}

bool SlackService::has_form(ChannelFaultKind form) const {
  return form != Kind::kRateLimitedBodyOnly && form != Kind::kRateLimitedShared && form != Kind::kRateLimitedHidden &&
         form != Kind::kEdgeBan;
}

net::HttpResponse SlackService::too_many(const ChannelRequest& request, const RateLimited& limited) {
  net::HttpResponse response = is_webhook(request) ? text_response(429, options_.webhook_429_body)
                                                   : json_response(R"({"ok":false,"error":"ratelimited"})");
  response.status = 429;
  const std::string number = std::to_string(std::chrono::duration_cast<seconds>(told(limited)).count());
  switch (limited.form) {
    case Kind::kRateLimitedUnsaid:
      break;
    case Kind::kRateLimitedJunk:
      response.headers.add("Retry-After", limited.junk);
      break;
    case Kind::kRateLimitedZero:
      response.headers.add("Retry-After", "0");
      break;
    case Kind::kRateLimitedLowerCase:
      response.headers.add("retry-after", number);
      break;
    default:
      response.headers.add("Retry-After", number);
  }
  return response;
}

net::HttpResponse SlackService::server_error(const ChannelRequest& request, bool stored) {
  if (is_webhook(request)) {
    return text_response(500, "rollup_error");
  }
  return json_response(stored ? R"({"ok":false,"error":"fatal_error"})" : R"({"ok":false,"error":"internal_error"})");
}

// The Web API sends errors with status 200; a webhook sends text, with a status of its own.
net::HttpResponse SlackService::refusal(const ChannelRequest& request, const ChannelFault& fault) {
  if (is_webhook(request)) {
    return text_response(fault.status, fault.text);
  }
  json::Writer json;
  json.object().key("ok").boolean(false).key("error").text(fault.text).end_object();
  return json_response(json.take());
}

ChannelOutcome SlackService::outcome_of(const ChannelRequest& request, const ChannelFault& refusal) const {
  if (is_webhook(request)) {
    return ChannelService::outcome_of(request, refusal);
  }
  if (is_unknown_outcome(refusal.text)) {
    return ChannelOutcome::kFailed;
  }
  return is_credential_error(refusal.text) ? ChannelOutcome::kCredential : ChannelOutcome::kRefused;
}

ChannelAnswer SlackService::play_own(ChannelRequest& request, const ChannelFault& fault, const Store& /*store*/) {
  if (fault.kind != Kind::kRotate) {
    no_such_fault(fault.kind);
  }
  count(fault.kind);
  if (is_webhook(request)) {
    rotate_webhook();
    book_.refuse_credential(request, true);
    return finish(request, ChannelOutcome::kCredential, text_response(404, "no_service"));
  }
  rotate_token({}, fault.text.empty() ? "token_expired" : fault.text);
  book_.refuse_credential(request, true);
  return error(request, outdated_error_);
}

}  // namespace soak::peers
