// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/channel_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lib/peers/fnv.h"
#include "lib/text/format.h"
#include "soak/error.h"

namespace soak::peers {

using Kind = ChannelFaultKind;
using std::chrono::nanoseconds;

namespace {

// Of those that a proxy sends of its own.
std::string_view reason_of(int status) {
  switch (status) {
    case 401:
      return "Authorization Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 407:
      return "Proxy Authentication Required";
    case 429:
      return "Too Many Requests";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Temporarily Unavailable";
    case 504:
      return "Gateway Time-out";
    default:
      return "Error";
  }
}

net::HttpResponse page(const ChannelFault& fault) {
  return fault.text.empty()
             ? proxy_page(fault.status)
             : net::HttpResponse(fault.status, fault.text, {{"Content-Type", "text/plain; charset=UTF-8"}});
}

}  // namespace

std::int64_t whole_seconds(nanoseconds duration) { return std::chrono::ceil<std::chrono::seconds>(duration).count(); }

net::HttpResponse proxy_page(int status) {
  const std::string title = fmt::format("{} {}", status, reason_of(status));
  return net::HttpResponse(status,
                           fmt::format("<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}"
                                       "</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
                                       title),
                           {{"Content-Type", "text/html"}});
}

Credential::Standing Credential::standing(std::string_view token) const {
  if (any_ || token == current_) {
    return Standing::kValid;
  }
  if (was_any_ || std::find(outdated_.begin(), outdated_.end(), token) != outdated_.end()) {
    return Standing::kOutdated;
  }
  return Standing::kUnknown;
}

std::uint32_t Credential::generation(std::string_view token) const {
  if (any_ || token == current_) {
    return generation_;
  }
  const auto found = std::find(outdated_.begin(), outdated_.end(), token);
  if (found != outdated_.end()) {
    return generation_ - 1 - static_cast<std::uint32_t>(found - outdated_.begin());
  }
  return was_any_ ? 1 : 0;
}

void Credential::rotate(std::string token) {
  constexpr std::size_t kOutdatedKept = 16;
  if (any_) {
    was_any_ = true;
  } else {
    outdated_.push_front(std::move(current_));
  }
  if (outdated_.size() > kOutdatedKept) {
    outdated_.pop_back();
  }
  any_ = false;
  current_ = std::move(token);
  ++generation_;
}

bool ChannelService::admits_head() {
  if (faults_ == nullptr || faults_->next(false, loop_.now() - began_).kind != Kind::kResetBeforeRead) {
    return true;
  }
  take_fault(false);
  count(Kind::kResetBeforeRead);
  ChannelRequest request;
  book_.arrive(request);
  finish_with_reset(request);
  return false;
}

ChannelFault ChannelService::take_fault(bool is_poll) {
  return faults_ == nullptr ? ChannelFault() : faults_->take(is_poll, loop_.now() - began_);
}

std::optional<ChannelAnswer> ChannelService::fail_refresh(ChannelRequest& request) {
  const ChannelFault fault = faults_ == nullptr ? ChannelFault() : faults_->take_refresh(loop_.now() - began_);
  switch (fault.kind) {
    case Kind::kNone:
      return std::nullopt;
    case Kind::kServerError:
      count(fault.kind);
      return finish(request, ChannelOutcome::kFailed, proxy_page(503));
    case Kind::kRateLimited: {
      count(fault.kind);
      const RateLimited limited{.retry_after = fault.retry_after};
      request.retry_after = told(limited);
      return finish(request, ChannelOutcome::kRateLimited, too_many(request, limited));
    }
    case Kind::kPage:
      count(fault.kind);
      return finish(request, ChannelOutcome::kFailed, page(fault));
    case Kind::kRefuse:
      count(fault.kind);
      return finish(request, ChannelOutcome::kRefused, refusal(request, fault));
    default:
      no_such_fault(fault.kind);
  }
}

void ChannelService::no_such_fault(ChannelFaultKind kind) const {
  throw Error(Errc::kInvalidArgument, fmt::format("{}: it has no fault \"{}\"", subject_, to_string(kind)));
}

ChannelAnswer ChannelService::finish(ChannelRequest& request, ChannelOutcome outcome, net::HttpResponse response) {
  request.outcome = outcome;
  request.status = response.status;
  book_.answer(request);
  return ChannelAnswer(std::move(response));
}

ChannelAnswer ChannelService::finish_with_reset(ChannelRequest& request) {
  request.outcome = ChannelOutcome::kReset;
  book_.answer(request);
  ChannelAnswer answer;
  answer.reset = true;
  return answer;
}

ChannelAnswer ChannelService::turn_away(ChannelRequest& request, const ChannelBook::Refused& refused) {
  RateLimited limited{.scope = refused.scope, .retry_after = refused.remaining};
  if (refused.scope == Scope::kCredential) {
    limited.form = Kind::kRateLimitedGlobal;
  }
  if (refused.scope == Scope::kAddress) {
    limited.form = Kind::kEdgeBan;
  }
  request.retry_after = told(limited);
  net::HttpResponse response = too_many(request, limited);
  return finish(request, ChannelOutcome::kRateLimited, std::move(response));
}

ChannelAnswer ChannelService::limit(ChannelRequest& request, const RateLimited& limited) {
  std::string said;
  switch (limited.form) {
    case Kind::kRateLimitedUnsaid:
      said = "no Retry-After";
      break;
    case Kind::kRateLimitedJunk:
      said = fmt::format("Retry-After \"{}\"", limited.junk);
      break;
    case Kind::kRateLimitedZero:
      said = "Retry-After 0";
      break;
    default:
      request.retry_after = told(limited);
      said = fmt::format("Retry-After {:g}", text::seconds(request.retry_after));
  }
  const bool is_said = request.retry_after > nanoseconds::zero();
  const nanoseconds length = is_said ? request.retry_after : book_.options().unsaid_wait;
  book_.open_window(limited.scope, request, length, said);
  net::HttpResponse response = too_many(request, limited);
  return finish(request, ChannelOutcome::kRateLimited, std::move(response));
}

ChannelAnswer ChannelService::serve_send(ChannelRequest& request, bool safe, const Store& store) {
  if (const auto limited = reached_limit(request)) {
    return limit(request, *limited);
  }
  book_.came(request, safe);
  const ChannelFault fault = take_fault(false);
  return play(request, fault, store);
}

ChannelAnswer ChannelService::serve_call(ChannelRequest& request, const Respond& respond) {
  if (const auto inside = book_.arrive(request)) {
    return turn_away(request, *inside);
  }
  if (const auto limited = reached_limit(request)) {
    return limit(request, *limited);
  }
  net::HttpResponse response = respond(request);
  const ChannelOutcome outcome = request.outcome;
  return finish(request, outcome, std::move(response));
}

MessageKey ChannelService::key_of(std::string_view text, std::string_view client_id) const {
  MessageKey key = book_.options().key_of(text);
  if (book_.options().client_ids && !client_id.empty()) {
    key.key = fnv1a(client_id);
  }
  return key;
}

void ChannelService::note_not_played(std::string_view method, const Arguments& arguments,
                                     std::initializer_list<std::string_view> options) {
  for (const std::string_view option : options) {
    // Some clients send all options that they know, and those that are not used without a value.
    const Argument* const given = arguments.find(option);
    if (given != nullptr && !given->is_blank()) {
      notices_.not_played(fmt::format("{}.{}", method, option));
    }
  }
}

nanoseconds ChannelService::told(const RateLimited& limited) const {
  return std::chrono::seconds{std::max(whole_seconds(limited.retry_after), std::int64_t{1})};
}

ChannelOutcome ChannelService::outcome_of(const ChannelRequest& /*request*/, const ChannelFault& refusal) const {
  if (refusal.status == 401) {
    return ChannelOutcome::kCredential;
  }
  return refusal.status >= 500 ? ChannelOutcome::kFailed : ChannelOutcome::kRefused;
}

ChannelAnswer ChannelService::play(ChannelRequest& request, const ChannelFault& fault, const Store& store) {
  if (is_rate_limit(fault.kind)) {
    if (!has_form(fault.kind)) {
      no_such_fault(fault.kind);
    }
    count(fault.kind);
    RateLimited limited{.form = fault.kind, .retry_after = fault.retry_after};
    if (fault.kind == Kind::kRateLimitedGlobal) {
      limited.scope = Scope::kCredential;
    }
    if (fault.kind == Kind::kEdgeBan) {
      limited.scope = Scope::kAddress;
    }
    if (fault.kind == Kind::kRateLimitedJunk) {
      limited.junk = fault.text.empty() ? "abc" : fault.text;
    }
    return limit(request, limited);
  }
  switch (fault.kind) {
    case Kind::kNone: {
      net::HttpResponse response = store(request);
      const ChannelOutcome outcome = request.outcome;
      return finish(request, outcome, std::move(response));
    }
    case Kind::kStoreThenReset:
      count(fault.kind);
      store(request);
      book_.lose(request);
      return finish_with_reset(request);
    case Kind::kStoreThenSlow: {
      count(fault.kind);
      net::HttpResponse response = store(request);
      book_.lose(request);
      const ChannelOutcome outcome = request.outcome;
      ChannelAnswer answer = finish(request, outcome, std::move(response));
      answer.after = fault.lasts;
      return answer;
    }
    case Kind::kStoreThenError:
      count(fault.kind);
      store(request);
      book_.lose(request);
      return finish(request, ChannelOutcome::kFailed, server_error(request, true));
    case Kind::kStoreThenUnavailable: {
      count(fault.kind);
      store(request);
      book_.lose(request);
      request.retry_after = ChannelService::told({.retry_after = fault.retry_after});
      net::HttpResponse response = proxy_page(503);
      response.headers.add("Retry-After", std::to_string(whole_seconds(request.retry_after)));
      return finish(request, ChannelOutcome::kFailed, std::move(response));
    }
    case Kind::kServerError:
      count(fault.kind);
      book_.lose(request);
      return finish(request, ChannelOutcome::kFailed, server_error(request, false));
    case Kind::kBadGateway:
      count(fault.kind);
      book_.lose(request);
      return finish(request, ChannelOutcome::kFailed, proxy_page(502));
    case Kind::kResetBeforeRead:
      count(fault.kind);
      return finish_with_reset(request);
    case Kind::kRefuse: {
      count(fault.kind);
      const ChannelOutcome outcome = outcome_of(request, fault);
      if (outcome == ChannelOutcome::kFailed) {
        book_.lose(request);
      }
      return finish(request, outcome, refusal(request, fault));
    }
    case Kind::kPage:
      count(fault.kind);
      if (fault.status >= 500) {
        book_.lose(request);
      }
      return finish(request, fault.status >= 500 ? ChannelOutcome::kFailed : ChannelOutcome::kRefused, page(fault));
    case Kind::kConflict:
    case Kind::kNeverAnswer:
      no_such_fault(fault.kind);
    default:
      return play_own(request, fault, store);
  }
}

}  // namespace soak::peers
