// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/slack/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "lib/json/writer.h"
#include "lib/peers/authorization.h"
#include "lib/peers/json_response.h"
#include "lib/text/ascii.h"
#include "lib/text/utf8.h"

namespace soak::peers {
namespace {

using Kind = ChannelFaultKind;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr double kTier2 = 20;
constexpr double kTier3 = 50;
constexpr double kTier4 = 100;

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

net::HttpResponse slack_text(int status, std::string body) {
  return net::HttpResponse(status, std::move(body), {{"Content-Type", "text/html"}});
}

// The methods that the fake has, and how often each may be called in a minute, by its tier; 0: without a limit of its
// own (docs.slack.dev/apis/web-api/rate-limits). chat.postMessage has the limits of its channel and of the workspace.
const SlackService::Method SlackService::kMethods[] = {
    {"auth.test", &SlackService::auth_test, 0},
    {"chat.delete", &SlackService::delete_message, kTier3},
    {"chat.postMessage", &SlackService::post_message, 0},
    {"chat.update", &SlackService::update_message, kTier3},
    {"conversations.history", &SlackService::history, kTier3},
    {"conversations.info", &SlackService::conversation_info, kTier3},
    {"conversations.list", &SlackService::list_conversations, kTier2},
    {"conversations.open", &SlackService::open_conversation, kTier3},
    {"conversations.replies", &SlackService::replies, kTier3},
    {"reactions.add", &SlackService::add_reaction, kTier3},
    {"reactions.remove", &SlackService::remove_reaction, kTier2},
    {"users.info", &SlackService::user_info, kTier4},
};

SlackService::SlackService(EventLoop& loop, SlackPeerOptions options, std::uint64_t seed)
    : ChannelService(loop, "slack_peer", seed, options.faults, options.ledger),
      options_(std::move(options)),
      credential_(options_.token),
      token_made_(loop.now()),
      refresh_token_(options_.refresh_token.empty() ? ids_.next("xoxe-1-") : options_.refresh_token),
      webhook_(ids_.next({})),
      directory_(options_.channels),
      messages_(options_.ledger.messages_kept),
      deliveries_(loop, "slack_peer", event_retries()) {}

bool SlackService::is_send(const net::HttpServerRequest& head) {
  return head.path == "/api/chat.postMessage" || head.path.starts_with("/services/");
}

net::HttpResponse SlackService::json_response(std::string body) {
  net::Headers headers = json_headers("; charset=utf-8");
  headers.add("x-slack-req-id", ids_.next({}));
  return net::HttpResponse(200, std::move(body), std::move(headers));
}

ChannelAnswer SlackService::error(ChannelRequest& request, const Problem& problem) {
  const ChannelOutcome outcome =
      is_credential_error(problem.error) ? ChannelOutcome::kCredential : ChannelOutcome::kRefused;
  return finish(request, outcome, error_response(problem));
}

net::HttpResponse SlackService::error_response(const Problem& problem) {
  json::Writer json;
  json.object().key("ok").boolean(false).key("error").text(problem.error);
  if (!problem.details.empty()) {
    json.key("errors").array();
    for (const std::string& detail : problem.details) {
      json.text(detail);
    }
    json.end_array().key("response_metadata").object().key("messages").array();
    for (const std::string& detail : problem.details) {
      json.text("[ERROR] " + detail);
    }
    json.end_array().end_object();
  }
  return json_response(json.end_object().take());
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
  return finish(request, ChannelOutcome::kRefused, slack_text(404, "Not Found"));
}

ChannelAnswer SlackService::web_api(ChannelRequest& request, const Question& question) {
  request.credential = credential_.generation(question.token);
  const std::string refused = refusal_of(question.token);
  const auto* const row = std::find_if(std::begin(kMethods), std::end(kMethods),
                                       [&](const Method& method) { return method.name == question.method; });
  const bool is_known = row != std::end(kMethods);
  if (is_known && question.problem.empty() && refused.empty()) {
    if (row->per_minute > 0) {
      request.limit = question.method;
    }
    method_ = row;
    return (this->*row->serve)(request, question);
  }
  book_.arrive(request);
  if (question.method == "api.test" && question.problem.empty()) {
    return api_test(request, question);
  }
  if (question.method == "oauth.v2.access") {
    return refresh(request, question);
  }
  if (!is_known && question.method != "api.test") {
    notices_.unknown(question.method);
    json::Writer json;
    json.object().key("ok").boolean(false).key("error").text("unknown_method");
    json.key("req_method").text(question.method).end_object();
    return finish(request, ChannelOutcome::kRefused, json_response(json.take()));
  }
  if (!question.problem.empty()) {
    return error(request, {question.problem, {}});
  }
  const auto standing = credential_.standing(question.token);
  // An expiry counts as a rotation: the first client to be refused could not have known.
  if (standing == Credential::Standing::kValid && refused == "token_expired" && !expiry_told_) {
    book_.rotated();
    expiry_told_ = true;
  }
  book_.refuse_credential(request, standing != Credential::Standing::kUnknown && !question.token.empty());
  return error(request, {refused, {}});
}

ChannelAnswer SlackService::serve_method(ChannelRequest& request,
                                         const std::function<Problem(json::Writer& ok)>& respond) {
  if (request.limit.empty()) {  // It has no limit of its own, and not that of sends.
    if (const auto inside = book_.arrive(request)) {
      return turn_away(request, *inside);
    }
    json::Writer ok;
    ok.object().key("ok").boolean(true);
    const Problem problem = respond(ok);
    return problem.error.empty() ? finish(request, ChannelOutcome::kAnswered, json_response(ok.end_object().take()))
                                 : error(request, problem);
  }
  return serve_call(request, [&](ChannelRequest& served) {
    json::Writer ok;
    ok.object().key("ok").boolean(true);
    const Problem problem = respond(ok);
    if (problem.error.empty()) {
      return json_response(ok.end_object().take());
    }
    served.outcome = ChannelOutcome::kRefused;
    return error_response(problem);
  });
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
    return error(request, {question.problem, {}});
  }
  const Arguments& arguments = question.arguments;
  const auto is_wrong = [&](std::string_view name, const std::string& right) {
    const std::string_view got = arguments.text(name);
    return got.empty() || (!right.empty() && got != right);
  };
  if (is_wrong("client_id", options_.client_id)) {
    return error(request, {"invalid_client_id", {}});
  }
  if (is_wrong("client_secret", options_.client_secret)) {
    return error(request, {"bad_client_secret", {}});
  }
  if (arguments.text("grant_type") != "refresh_token") {
    return error(request, {"invalid_grant_type", {}});
  }
  if (arguments.text("refresh_token") != refresh_token_) {
    return error(request, {"invalid_refresh_token", {}});
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

net::HttpResponse SlackService::server_error(const ChannelRequest& request, bool stored) {
  if (is_slack_webhook(request)) {
    return slack_text(500, "rollup_error");
  }
  return json_response(stored ? R"({"ok":false,"error":"fatal_error"})" : R"({"ok":false,"error":"internal_error"})");
}

// The Web API sends errors with status 200; a webhook sends text, with a status of its own.
net::HttpResponse SlackService::refusal(const ChannelRequest& request, const ChannelFault& fault) {
  if (is_slack_webhook(request)) {
    return slack_text(fault.status, fault.text);
  }
  json::Writer json;
  json.object().key("ok").boolean(false).key("error").text(fault.text).end_object();
  return json_response(json.take());
}

ChannelOutcome SlackService::outcome_of(const ChannelRequest& request, const ChannelFault& refusal) const {
  if (is_slack_webhook(request)) {
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
  if (is_slack_webhook(request)) {
    rotate_webhook();
    book_.refuse_credential(request, true);
    return finish(request, ChannelOutcome::kCredential, slack_text(404, "no_service"));
  }
  rotate_token({}, fault.text.empty() ? "token_expired" : fault.text);
  book_.refuse_credential(request, true);
  return error(request, {outdated_error_, {}});
}

}  // namespace soak::peers
