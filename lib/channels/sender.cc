// SPDX-License-Identifier: Apache-2.0
#include "lib/channels/sender.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <utility>

#include "lib/channels/seconds.h"
#include "lib/net/url.h"
#include "lib/text/format.h"
#include "lib/text/utf8.h"
#include "soak/detail/secrets.h"
#include "soak/error.h"
#include "soak/net/loopback.h"

namespace soak::channels {
namespace {

using namespace std::chrono_literals;

// Retry-After may be missing, zero, negative or no number: then not at once, either.
constexpr nanoseconds kWaitMin = 1s;
// The most by which a retry is later than asked, so that conversations refused together do not retry together.
constexpr nanoseconds kSpreadMax = 10s;
constexpr nanoseconds kSpreadMin = 10ms;
// A conversation that is gone may be there again one day: a bot that was blocked is unblocked.
constexpr nanoseconds kGoneFor = 1h;
constexpr nanoseconds kInvalidWindow = 10min;  // Discord's, docs.discord.com/developers/topics/rate-limits.
constexpr std::size_t kWhyMax = 200;

net::HttpClientOptions http_options(const DeliveryOptions& options) {
  net::HttpClientOptions http;
  http.timeout = options.http_timeout;
  http.connect_timeout = std::min(http.connect_timeout, options.http_timeout);
  http.ca_file = options.ca_file;
  return http;
}

Pace unless_off(Pace pace, bool pacing) { return pacing ? pace : Pace{}; }

// Whatever the owner's function does, the next message can ask it again.
Task<Replacement> ask_owner(const std::function<Task<std::string>()>& ask) {
  Replacement next;
  try {
    Task<std::string> asking = ask();
    next.secret = co_await std::move(asking);
    next.why = "on_credential_refused returned nothing";
  } catch (const Cancelled&) {
    throw;
  } catch (...) {
    next.why = "on_credential_refused threw: " + detail::what_of(std::current_exception());
  }
  co_return next;
}

Credential::Replace replace_by(const SenderOptions& options) {
  if (options.replace || !options.on_credential_refused) {
    return options.replace;
  }
  return [ask = options.on_credential_refused] { return ask_owner(ask); };
}

// A provider that looks at the message has taken the credential.
bool says_credential_is_good(const Answer& answer) {
  switch (answer.meaning) {
    case Meaning::kDelivered:
    case Meaning::kRejected:
    case Meaning::kConversationGone:
    case Meaning::kMoved:
      return !answer.from_edge;
    case Meaning::kWait:
    case Meaning::kUnknown:
    case Meaning::kCredentialRefused:
      break;
  }
  return false;
}

}  // namespace

std::string refuse_text(std::string_view text, std::size_t length_max) {
  const std::optional<text::Utf8Length> measured = text::utf8_length(text);
  if (!measured) {
    return "text is not UTF-8";
  }
  const std::size_t length = measured->utf16_units;
  if (length > 0 && length <= length_max) {
    return {};
  }
  return fmt::format("text has {} characters: expected 1 to {}", length, length_max);
}

// One message's share in a lane.
class Sender::LaneUse {
 public:
  explicit LaneUse(std::shared_ptr<Lane> lane) : lane_(std::move(lane)) { ++lane_->users; }
  ~LaneUse() { --lane_->users; }
  LaneUse(const LaneUse&) = delete;
  LaneUse& operator=(const LaneUse&) = delete;

  Lane& operator*() const { return *lane_; }

 private:
  const std::shared_ptr<Lane> lane_;
};

Sender::Sender(EventLoop& loop, std::unique_ptr<Service> service, const SenderOptions& options)
    : loop_(loop),
      service_(std::move(service)),
      options_(options),
      http_(loop, http_options(options)),
      connections_(http_options(options).connections_max),
      credential_(loop, options.credential, options.credential_timeout, replace_by(options), options.backoff),
      overall_(unless_off(service_->overall_pace(), options.pacing)) {
  if (!options.pacing && !net::is_loopback_url(options.url)) {
    throw Error(
        Errc::kInvalidArgument,
        fmt::format("{}: pacing may be off for a loopback URL alone: the limits of a provider are there to be kept",
                    service_->name()));
  }
  net::parse_http_url(options.url);
  if (options.requests_max == 0 || options.queue_max == 0) {
    throw Error(Errc::kInvalidArgument, fmt::format("{}: requests_max and queue_max are at least 1", service_->name()));
  }
}

void Sender::check_conversation(std::string_view conversation) const {
  if (const std::string wrong = service_->refuse_conversation(conversation); !wrong.empty()) {
    throw Error(Errc::kInvalidArgument,
                fmt::format("{}: cannot send to '{}': {}", service_->name(), conversation, wrong));
  }
}

void Sender::set_credential(std::string credential) {
  credential_.set(std::move(credential));
  counters_.rotations = credential_.replaced();
}

Task<Delivery> Sender::send(std::string conversation, std::string text) {
  const Instant begin = loop_.now();
  Outgoing message{std::move(conversation), std::move(text), {}};
  // 16 digits of base 16: Discord takes up to 25 characters.
  message.nonce = fmt::format("{:016x}", loop_.random()());
  Delivery delivery;
  if (const std::string wrong = service_->refuse(message); !wrong.empty()) {
    delivery = Delivery(DeliveryOutcome::kFailed, worded(wrong));
  } else if (unsettled_ >= options_.queue_max) {
    delivery = Delivery(DeliveryOutcome::kFailed,
                        worded(fmt::format("{} messages are waiting, no more are taken", unsettled_)));
  } else {
    ++unsettled_;
    const std::unique_ptr<std::size_t, void (*)(std::size_t*)> settled(&unsettled_,
                                                                       [](std::size_t* count) { --*count; });
    const LaneUse lane(lane_of(message.conversation));
    const Permit turn = co_await (*lane).turn.acquire();
    delivery = co_await deliver(*lane, std::move(message), detail::later(begin, options_.give_up_after));
  }
  delivery.took = loop_.now() - begin;
  settle(delivery);
  co_return delivery;
}

Task<Delivery> Sender::deliver(Lane& lane, Outgoing message, Instant give_up) {
  Step step;
  bool may_have_arrived = false;
  Instant latest = give_up;
  std::uint32_t requests = 0;
  while (!step.settled && requests < options_.requests_max) {
    const bool usable = co_await credential_.usable(latest);
    if (latest < give_up && loop_.now() >= latest) {
      step.settled = too_late(step.why);
      break;
    }
    if (!usable) {
      step.settled = Delivery(DeliveryOutcome::kFailed, why_unusable());
      break;
    }
    if (!lane.gone.empty() && std::max(lane.paused_until, lane.limit->paused_until) > loop_.now()) {
      step.settled = Delivery(DeliveryOutcome::kFailed, lane.gone);
      break;
    }
    const std::optional<Permit> connection = co_await clear_to_send(lane, latest);
    if (!connection && latest < give_up) {
      step.settled = too_late(step.why);
      break;
    }
    if (!connection) {
      const nanoseconds wait = ready_at(lane) - loop_.now();
      const std::string why = wait > 0ns
                                  ? fmt::format("asked to wait for {}, which is longer than a message waits here",
                                                text::format_seconds(wait))
                                  : "the messages before it took longer than a message waits here";
      step.settled = Delivery(DeliveryOutcome::kFailed, worded(why));
      break;
    }
    if (!credential_.may_be_used()) {
      continue;  // Refused in the meantime, or another message finds out whether it is.
    }
    lane.gone.clear();
    if (requests > 0) {
      ++counters_.retries;
    }
    ++requests;
    const Instant sent_at = loop_.now();
    step = co_await request(lane, message);
    if (step.may_have_arrived && !may_have_arrived) {
      may_have_arrived = true;
      latest = std::min(give_up, detail::later(sent_at, safe_to_resend()));
    }
  }
  if (!step.settled) {
    step.settled =
        Delivery(DeliveryOutcome::kFailed, fmt::format("{}; given up after {} requests", step.why, requests));
  }
  if (may_have_arrived && step.settled->outcome == DeliveryOutcome::kFailed) {
    step.settled->outcome = DeliveryOutcome::kUncertain;
  }
  if (may_have_arrived && step.settled->outcome == DeliveryOutcome::kDelivered) {
    ++counters_.resolved;
  }
  step.settled->requests = requests;
  co_return std::move(*step.settled);
}

// The provider forgets a nonce some time after it has seen it first, and a resend may be under way for as long as a
// request may take.
nanoseconds Sender::safe_to_resend() const {
  return std::max(service_->nonce_time() - options_.http_timeout, nanoseconds{0});
}

Delivery Sender::too_late(std::string_view why) const {
  return Delivery(DeliveryOutcome::kUncertain,
                  fmt::format("{}; not sent again, because after {} the provider might not know that it has it", why,
                              text::format_seconds(safe_to_resend())));
}

Instant Sender::ready_at(const Lane& lane) {
  const Limit& limit = *lane.limit;
  Instant at = std::max({limit.pacer.ready_at(), overall_.ready_at(), limit.window.until(), window_.until(),
                         limit.paused_until, lane.paused_until});
  if (options_.invalid_requests_max > 0) {
    while (!invalid_.empty() && detail::later(invalid_.front(), kInvalidWindow) <= loop_.now()) {
      invalid_.pop_front();
    }
    if (invalid_.size() >= options_.invalid_requests_max) {
      at = std::max(at, detail::later(invalid_.front(), kInvalidWindow));
    }
  }
  return at;
}

Task<std::optional<Permit>> Sender::clear_to_send(Lane& lane, Instant give_up) {
  Instant spread_from{};  // The end of the last window seen, and the message's own delay after it.
  nanoseconds spread{0};
  for (;;) {
    const Instant now = loop_.now();
    Instant at = ready_at(lane);
    const Instant window = std::max(lane.limit->window.until(), window_.until());
    if (window > now && window != spread_from) {
      const nanoseconds most = std::min((window - now) / 10, kSpreadMax) + kSpreadMin;
      std::uniform_int_distribution<nanoseconds::rep> draw(kSpreadMin.count(), most.count());
      spread_from = window;
      spread = nanoseconds(draw(loop_.random()));
    }
    if (spread > 0ns) {
      at = std::max(at, detail::later(spread_from, spread));
    }
    if (std::max(at, now) > give_up) {
      co_return std::nullopt;
    }
    if (at > now) {
      co_await sleep_for(at - now);
      continue;
    }
    Permit connection = co_await connections_.acquire();
    if (ready_at(lane) <= loop_.now() && loop_.now() <= give_up) {
      if (spread > 0ns) {
        ++counters_.waits_obeyed;
      }
      co_return std::optional<Permit>(std::move(connection));
    }
  }
}

// What confirms a refusal is another message's request, or the same one's again: a refused request was not delivered,
// and a method that only tests a token accepts one that may not send. It takes another connection, which may lead to
// another server.
Task<net::HttpResponse> Sender::exchange(net::HttpRequest request, bool on_a_new_connection) {
  if (!on_a_new_connection) {
    net::HttpResponse response = co_await http_.send(std::move(request));
    co_return response;
  }
  net::HttpClient other(loop_, http_options(options_));
  net::HttpResponse response = co_await other.send(std::move(request));
  co_return response;
}

Task<Sender::Step> Sender::request(Lane& lane, Outgoing& message) {
  const std::uint64_t generation = credential_.generation();
  std::optional<Credential::Confirmation> confirmation;
  if (credential_.suspected()) {
    confirmation.emplace(credential_);
  }
  if (!lane.moved_to.empty()) {
    message.conversation = lane.moved_to;
  }
  net::HttpRequest request = service_->request(message, credential_.secret());
  count_request(lane);
  lane.limit->pacer.sent(loop_.now());
  overall_.sent(loop_.now());
  net::HttpResponse response;
  std::optional<bool> may_have_arrived;
  std::string why;
  try {
    response = co_await exchange(std::move(request), confirmation.has_value());
  } catch (const net::HttpError& error) {
    if (error.code() == Errc::kCertificate) {
      co_return never(error.what());
    }
    may_have_arrived = error.may_have_arrived();
    why = error.what();
  } catch (const Error& error) {  // No request can be made of it, nor of the next one.
    co_return never(error.what());
  }
  if (may_have_arrived) {
    end_row_of_429s();
    co_return unanswered(lane, *may_have_arrived, std::move(why));
  }
  Answer answer = service_->read(response);
  if (!answer.wait && answer.meaning != Meaning::kDelivered) {
    answer.wait = retry_after(response);
  }
  count(answer, generation);
  if (!answer.conversation.empty() && answer.conversation != lane.also_called &&
      service_->is_name(message.conversation)) {
    also_called(lane, answer.conversation);
  }
  co_return read(lane, answer, generation, confirmation.has_value());
}

Sender::Step Sender::never(std::string_view why) const {
  Step step;
  step.why = worded(why);
  step.settled.emplace(DeliveryOutcome::kFailed, step.why);
  return step;
}

Sender::Step Sender::unanswered(Lane& lane, bool may_have_arrived, std::string why) {
  lane.paused_until = std::max(lane.paused_until, detail::later(loop_.now(), lane.backoff.next(loop_.random())));
  Step step;
  step.why = worded(why);
  step.may_have_arrived = may_have_arrived;
  if (may_have_arrived && service_->nonce_time() == 0ns) {
    step.settled = Delivery(DeliveryOutcome::kUncertain, step.why);
  }
  return step;
}

std::string Sender::why_unusable() const {
  return worded(fmt::format("{} {}", net::parse_http_url(options_.url).origin(),
                            credential_.why_unusable(service_->credential_name())));
}

Sender::Step Sender::read(Lane& lane, const Answer& answer, std::uint64_t generation, bool confirming) {
  const Instant now = loop_.now();
  Step step;
  if (answer.meaning != Meaning::kDelivered) {  // Its secrets are searched for.
    step.why = worded(answer.why);
  }
  if (answer.pause > 0ns) {
    lane.limit->paused_until = std::max(lane.limit->paused_until, detail::later(now, answer.pause));
  }
  // With any meaning: a proxy's 503 asks for it as a 429 does.
  Window& window = answer.reach == Reach::kAll ? window_ : lane.limit->window;
  if (answer.wait) {
    window.close_until(detail::later(now, *answer.wait));
  }
  switch (answer.meaning) {
    case Meaning::kDelivered:
      lane.backoff.reset();
      step.settled.emplace(DeliveryOutcome::kDelivered, "");
      step.settled->id = answer.id;
      break;
    case Meaning::kWait: {
      const nanoseconds own = std::max(lane.backoff.next(loop_.random()), kWaitMin);
      if (!answer.wait) {
        window.close_until(detail::later(now, own));
      }
      break;
    }
    case Meaning::kUnknown:
      return unanswered(lane, true, answer.why);
    case Meaning::kRejected:
      step.settled.emplace(DeliveryOutcome::kFailed, step.why);
      break;
    case Meaning::kConversationGone:
      lane.gone = step.why;
      lane.paused_until = std::max(lane.paused_until, detail::later(now, kGoneFor));
      step.settled.emplace(DeliveryOutcome::kFailed, step.why);
      break;
    case Meaning::kMoved:
      lane.moved_to = answer.moved_to;
      also_called(lane, answer.moved_to);
      break;
    case Meaning::kCredentialRefused:
      credential_.refuse(generation, answer.why, confirming || answer.refusal_is_certain);
      break;
  }
  return step;
}

void Sender::count_request(const Lane& lane) {
  ++counters_.requests;
  counters_.rotations = credential_.replaced();  // Its own replacement may have come.
  if (std::max(lane.limit->window.until(), window_.until()) > loop_.now()) {
    ++counters_.early_requests;
  }
  if (credential_.replaced() > refused_replacement_) {
    counters_.auth_failures -= refusals_;
    counters_.rotation_refusals += refusals_;
    refusals_ = 0;
  }
}

void Sender::count(const Answer& answer, std::uint64_t generation) {
  if (answer.rate_limited) {
    ++counters_.rate_limited;
    ++counters_.last_429s;
    if (only_429s_) {
      ++counters_.first_429s;
    }
    counters_.max_consecutive_429s = std::max(counters_.max_consecutive_429s, counters_.last_429s);
  } else {
    end_row_of_429s();
  }
  if (answer.counts_as_invalid && options_.invalid_requests_max > 0) {
    invalid_.push_back(loop_.now());
  }
  if (answer.meaning == Meaning::kCredentialRefused && generation < credential_.generation()) {
    ++counters_.rotation_refusals;  // Under way when it was replaced.
  } else if (answer.auth_failure) {
    ++counters_.auth_failures;
    if (answer.meaning == Meaning::kCredentialRefused) {
      ++refusals_;
      refused_replacement_ = credential_.replaced();
    }
  }
  if (says_credential_is_good(answer) && credential_.accept(generation)) {
    counters_.auth_failures -= refusals_;
    counters_.wrong_refusals += refusals_;
    refusals_ = 0;
  }
}

void Sender::end_row_of_429s() {
  counters_.last_429s = 0;
  only_429s_ = false;
}

void Sender::settle(const Delivery& delivery) {
  ++counters_.sent;
  switch (delivery.outcome) {
    case DeliveryOutcome::kDelivered:
      ++counters_.ok;
      break;
    case DeliveryOutcome::kFailed:
      ++counters_.failed;
      break;
    case DeliveryOutcome::kUncertain:
      ++counters_.uncertain;
      break;
  }
}

std::string Sender::worded(std::string_view why) const {
  std::string text = text::without_secrets(fmt::format("{}: {}", service_->name(), why));
  if (text.size() > kWhyMax) {
    text.resize(text::first_bytes(text, kWhyMax).size());
    text += "...";
  }
  return text;
}

std::shared_ptr<Sender::Limit> Sender::limit_of(std::string_view conversation) {
  std::shared_ptr<Limit>& limit = limits_[service_->limit_of(conversation)];
  if (limit == nullptr) {
    limit = std::make_shared<Limit>(unless_off(service_->conversation_pace(conversation), options_.pacing));
  }
  return limit;
}

// From now on both names are one conversation, with one limit and one order. Where messages wait under the other name
// already, each name keeps its own order until they are settled.
void Sender::also_called(Lane& lane, const std::string& name) {
  lane.also_called = name;
  if (const std::shared_ptr<Limit> shared = limit_of(name); shared != lane.limit) {
    shared->pacer.sent(loop_.now());  // The request that told the name.
    shared->window.close_until(lane.limit->window.until());
    shared->paused_until = std::max(shared->paused_until, lane.limit->paused_until);
    lane.limit = shared;
  }
  std::shared_ptr<Lane>& there = lanes_[name];
  if (there == nullptr || there->users == 0) {
    there = lane.shared_from_this();
  }
}

std::shared_ptr<Sender::Lane> Sender::lane_of(const std::string& conversation) {
  if (const auto found = lanes_.find(conversation); found != lanes_.end()) {
    const std::shared_ptr<Lane> lane = found->second;
    const auto there = lanes_.find(lane->also_called);
    if (there != lanes_.end() && there->second != lane && !lane->also_called.empty() && lane->users == 0) {
      there->second->moved_to = lane->moved_to;
      found->second = there->second;
    }
    return found->second;
  }
  if (lanes_.size() >= sweep_at_) {
    forget_rested();
  }
  return lanes_.try_emplace(conversation, std::make_shared<Lane>(limit_of(conversation), options_.backoff))
      .first->second;
}

void Sender::forget_rested() {
  const Instant now = loop_.now();
  std::erase_if(lanes_, [now](const auto& entry) {
    const Lane& lane = *entry.second;
    return lane.users == 0 && lane.paused_until <= now && lane.limit->rested(now);
  });
  std::erase_if(limits_,
                [now](const auto& entry) { return entry.second.use_count() == 1 && entry.second->rested(now); });
  sweep_at_ = std::max(sweep_at_, 2 * lanes_.size());
}

}  // namespace soak::channels
