// SPDX-License-Identifier: Apache-2.0
#include "mesh/edge/worker.h"

#include <fmt/format.h>

#include <charconv>
#include <exception>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mesh/json.h"
#include "mesh/json_lookup.h"
#include "soak/error.h"
#include "soak/net/http.h"

namespace mesh {

namespace {

using namespace std::chrono_literals;
using soak::Task;

constexpr std::size_t kOutboxMax = 200;  // Then no new request begins.
constexpr std::size_t kSyncLimit = 100;  // Messages a sync.
constexpr soak::BackoffOptions kRetry = {.initial = 50ms, .max = 1s};

bool is_request(std::string_view kind) { return kind == "query_request" || kind == "task_request"; }

std::string subject_of(std::string_view handle) { return fmt::format("edge/{}/progress", handle.substr(1)); }

// Of the outcome of a task: typed, with a source and an observation, as a machine can check.
std::string as_artifact(std::string_view text) {
  return text.find("Observation:") != std::string_view::npos ? std::string(text)
                                                             : fmt::format("Source: task:chat\nObservation: {}", text);
}

}  // namespace

std::uint64_t number_in(std::string_view text) {
  const std::size_t digits = text.find_last_not_of("0123456789") + 1;
  std::uint64_t number = 0;
  std::from_chars(text.data() + digits, text.data() + text.size(), number);
  return number;
}

Worker::Worker(soak::EventLoop& loop, WorkerOptions options, Journal& journal, EventLog& events, AgentClient& client,
               Chat& chat)
    : loop_(loop), options_(std::move(options)), journal_(journal), events_(events), client_(client), chat_(chat) {
  for (const std::string& line : journal_.take_lines()) {
    state_.apply(line);
  }
}

void Worker::finish() {
  finishing_.set();
  outgoing_.set();
}

Task<> Worker::run() {
  Task<> beginning = go_on();
  co_await std::move(beginning);
  const auto body = [this](soak::TaskGroup& group) -> Task<> {
    group.start("produce", produce());
    group.start("send", send());
    group.start("sync", sync());
    group.start("work", work());
    group.start("settling", watch_settling());
    co_await stopped_.wait();
    group.cancel();
  };
  co_await soak::with_group(loop_, {.timeout = 1s, .grace = 5s}, body);
}

// A crash may have come between the line of the journal and the event.
Task<> Worker::go_on() {
  if (const std::optional<Incoming>& last = state_.last_handled();
      last && !events_.handled_before().contains({last->from, last->id})) {
    std::string line = events_.line("message_handled", {{"from", last->from},
                                                        {"id", last->id},
                                                        {"kind", last->kind},
                                                        {"in_reply_to", last->in_reply_to},
                                                        {"sequence", last->sequence}});
    Task<> telling = tell(std::move(line));
    co_await std::move(telling);
  }
  std::string line = events_.line("started", {{"iteration", state_.iteration()},
                                              {"outbox", std::uint64_t{state_.outbox().size()}},
                                              {"handled_up_to", state_.handled_up_to()}});
  Task<> telling = tell(std::move(line));
  co_await std::move(telling);
}

Task<> Worker::tell(std::string line) {
  while (!events_.write(line)) {
    co_await soak::sleep_for(100ms);
  }
}

Task<> Worker::step(std::string line) {
  for (;;) {
    try {
      Task<> storing = journal_.append(line);
      co_await std::move(storing);
      break;
    } catch (const StorageError& error) {
      if (error.failure() != StorageFailure::kFull) {
        throw;
      }
    }
    co_await soak::sleep_for(100ms);
  }
  state_.apply(line);
  if (journal_.bytes() > options_.journal_bytes_max) {
    try {
      std::vector<std::string> snapshot = {state_.snapshot_line()};
      Task<> rewriting = journal_.rewrite(std::move(snapshot));
      co_await std::move(rewriting);
    } catch (const StorageError& error) {
      if (error.failure() != StorageFailure::kFull) {
        throw;
      }
    }
  }
}

Task<ServiceAnswer> Worker::call(std::string method, std::string url, std::string body) {
  soak::Backoff backoff(kRetry);
  for (;;) {
    std::string why;
    try {
      Task<ServiceAnswer> calling = client_.call(method, url, body);
      ServiceAnswer answer = co_await std::move(calling);
      if (!answer.temporary()) {
        co_return answer;
      }
      why = fmt::format("{} {}", answer.status, answer.code);
    } catch (const soak::net::HttpError& error) {
      why = error.what();
    }
    std::string line = events_.line("error", {{"url", url}, {"text", why}});
    Task<> telling = tell(std::move(line));
    co_await std::move(telling);
    const std::chrono::nanoseconds delay = backoff.next(loop_.random());
    co_await soak::sleep_for(delay);
  }
}

// Messages out

Task<> Worker::produce() {
  while (options_.iterations_max == 0 || state_.iteration() < options_.iterations_max) {
    if (finishing_.is_set() || options_.passive || options_.peers.empty()) {
      co_return;
    }
    if (state_.outbox().size() < kOutboxMax) {
      const soak::Permit turn = co_await turn_.acquire();
      const std::uint64_t iteration = state_.iteration() + 1;
      std::mt19937_64 random(options_.seed * 1'000'003 + iteration);
      const std::string& peer = options_.peers[random() % options_.peers.size()];
      Outgoing request;
      request.id = state_.next_id();
      request.to = peer;
      JsonText body;
      if (iteration % 2 == 1) {
        // The peer has to find what was acknowledged to us before it was asked.
        request.kind = "query_request";
        body.text("subject", subject_of(options_.handle));
        body.integer("at_least", static_cast<std::int64_t>(state_.mark("ingested")));
      } else {
        request.kind = "task_request";
        body.text("task", fmt::format("Observe number {} of {}", random() % 1000, name()));
      }
      request.body = body.object();
      std::string line = EdgeState::request_line(iteration, request);
      Task<> storing = step(std::move(line));
      co_await std::move(storing);
      outgoing_.set();
    }
    const bool finishing = co_await finishing_.wait_for(options_.interval);
    if (finishing) {
      co_return;
    }
  }
}

Task<> Worker::send() {
  for (;;) {
    if (state_.outbox().empty()) {
      outgoing_.reset();
      co_await outgoing_.wait();
      continue;
    }
    const Outgoing message = state_.outbox().front();
    JsonText body;
    body.text("id", message.id).text("to", message.to).text("kind", message.kind).raw("body", message.body);
    if (!message.in_reply_to.empty()) {
      body.text("in_reply_to", message.in_reply_to);
    }
    Task<ServiceAnswer> sending = call("POST", options_.relay_url + "/v1/relay/messages", body.object());
    const ServiceAnswer answer = co_await std::move(sending);
    std::string line;
    if (answer.ok()) {
      line = events_.line("message_acknowledged", {{"id", message.id},
                                                   {"to", message.to},
                                                   {"kind", message.kind},
                                                   {"in_reply_to", message.in_reply_to},
                                                   {"again", answer.status == 200}});
    } else {
      const std::string text = fmt::format("{} {} {}", answer.status, answer.code, answer.message);
      line = events_.line("message_refused",
                          {{"id", message.id}, {"to", message.to}, {"kind", message.kind}, {"text", text}});
    }
    Task<> telling = tell(std::move(line));
    co_await std::move(telling);
    const soak::Permit turn = co_await turn_.acquire();
    std::string sent = answer.ok() ? EdgeState::sent_line(message.id) : EdgeState::dropped_line(message.id);
    Task<> storing = step(std::move(sent));
    co_await std::move(storing);
  }
}

// Messages in

Task<> Worker::sync() {
  for (;;) {
    JsonText body;
    body.integer("ack", static_cast<std::int64_t>(state_.handled_up_to()));
    body.integer("limit", static_cast<std::int64_t>(kSyncLimit));
    Task<ServiceAnswer> syncing = call("POST", options_.relay_url + "/v1/relay/sync", body.object());
    const ServiceAnswer answer = co_await std::move(syncing);
    if (!answer.ok()) {
      const std::string text = fmt::format("sync: {} {} {}", answer.status, answer.code, answer.message);
      std::string line = events_.line("work_refused", {{"id", "sync"}, {"text", text}});
      Task<> telling = tell(std::move(line));
      co_await std::move(telling);
      co_await soak::sleep_for(1s);
      continue;
    }
    const rapidjson::Document inbox = parse_json(answer.body);
    const rapidjson::Value::ConstArray messages = list_of(inbox, "messages");
    std::string line = events_.line("synced", {{"messages", std::uint64_t{messages.Size()}}});
    Task<> telling = tell(std::move(line));
    co_await std::move(telling);
    for (const rapidjson::Value& entry : messages) {
      Incoming message;
      message.sequence = number_of(entry, "sequence");
      message.id = text_of(entry, "id");
      message.from = text_of(entry, "from");
      message.kind = text_of(entry, "kind");
      message.in_reply_to = text_of(entry, "in_reply_to");
      const rapidjson::Value* content = member_of(entry, "body");
      message.body = content == nullptr ? "{}" : json_of(*content);
      Task<> handling = handle(std::move(message));
      co_await std::move(handling);
    }
    if (messages.Empty() || !flag_of(inbox, "has_more")) {
      co_await soak::sleep_for(options_.sync_interval);
    }
  }
}

Task<> Worker::handle(Incoming message) {
  if (state_.has_handled(message)) {
    std::string line = events_.line("duplicate_dropped", {{"from", message.from}, {"id", message.id}});
    Task<> telling = tell(std::move(line));
    co_await std::move(telling);
    co_return;
  }
  std::string answer;
  if (message.kind == "query_request") {
    Task<std::string> answering = answer_query(message);
    answer = co_await std::move(answering);
  } else if (message.kind == "task_request") {
    Task<std::string> answering = answer_task(message);
    answer = co_await std::move(answering);
  }
  {
    const soak::Permit turn = co_await turn_.acquire();
    std::vector<Outgoing> replies;
    if (message.kind != "receipt") {
      replies.push_back({state_.next_id(), message.from, "receipt", message.id, "{}"});
    }
    if (is_request(message.kind)) {
      const std::string kind = message.kind == "query_request" ? "query_response" : "task_response";
      replies.push_back({state_.next_id(1), message.from, kind, message.id, answer});
    }
    std::string line = EdgeState::handled_line(message, replies);
    Task<> storing = step(std::move(line));
    co_await std::move(storing);
  }
  outgoing_.set();
  std::string line = events_.line("message_handled", {{"from", message.from},
                                                      {"id", message.id},
                                                      {"kind", message.kind},
                                                      {"in_reply_to", message.in_reply_to},
                                                      {"sequence", message.sequence}});
  Task<> telling = tell(std::move(line));
  co_await std::move(telling);
}

Task<std::string> Worker::answer_query(const Incoming& message) {
  const rapidjson::Document body = parse_json(message.body);
  const std::string subject = text_of(body, "subject");
  const std::uint64_t wanted = number_of(body, "at_least");
  Task<std::uint64_t> reading = read_number(subject, wanted);
  const std::uint64_t got = co_await std::move(reading);
  JsonText answer;
  answer.text("subject", subject).integer("number", static_cast<std::int64_t>(got));
  co_return answer.object();
}

Task<std::string> Worker::answer_task(const Incoming& message) {
  const rapidjson::Document body = parse_json(message.body);
  const std::string task = text_of(body, "task");
  soak::Backoff backoff(kRetry);
  std::string result;
  for (;;) {
    std::string why;
    try {
      Task<std::string> completing = chat_.complete(task);
      result = co_await std::move(completing);
      break;
    } catch (const soak::Error& error) {
      why = error.what();
    }
    std::string line = events_.line("error", {{"url", "chat"}, {"text", why}});
    Task<> telling = tell(std::move(line));
    co_await std::move(telling);
    const std::chrono::nanoseconds delay = backoff.next(loop_.random());
    co_await soak::sleep_for(delay);
  }
  std::string line = events_.line("llm_task_completed", {{"from", message.from}, {"id", message.id}});
  Task<> telling = tell(std::move(line));
  co_await std::move(telling);

  // The saved artifact, which the response names. Its id follows from the request, so a repetition makes no second one.
  const std::string item = fmt::format("task-{}-{}", message.from.substr(1), message.id);
  JsonText artifact;
  artifact.text("id", item).text("type", "evidence_pack").text("text", as_artifact(result));
  artifact.names("supports", {fmt::format("message:{}/{}", message.from, message.id)}).number("confidence", 0.9);
  artifact.names("tags", options_.tags);
  Task<ServiceAnswer> saving = call("POST", items_url(), artifact.object());
  const ServiceAnswer saved = co_await std::move(saving);
  // A model that answers otherwise the second time: the first result stands.
  if (!saved.ok() && saved.code != "id_reused") {
    const std::string text = fmt::format("{} {} {}", saved.status, saved.code, saved.message);
    std::string refused = events_.line("work_refused", {{"id", item}, {"text", text}});
    Task<> telling_refused = tell(std::move(refused));
    co_await std::move(telling_refused);
  }
  JsonText answer;
  answer.text("item", item).text("workspace", options_.workspace).text("result", result);
  co_return answer.object();
}

Task<std::uint64_t> Worker::read_number(std::string subject, std::uint64_t wanted) {
  JsonText query;
  query.text("subject", subject).integer("limit", 1);
  Task<ServiceAnswer> asking = call("POST", options_.archive_url + "/v1/memory/query", query.object());
  const ServiceAnswer answer = co_await std::move(asking);
  const rapidjson::Document found = parse_json(answer.body);
  const rapidjson::Value::ConstArray results = list_of(found, "results");
  const std::uint64_t got = results.Empty() ? 0 : number_in(text_of(results[0], "text"));
  std::string line;
  if (!answer.ok()) {
    const std::string text = fmt::format("{} {} {}", answer.status, answer.code, answer.message);
    line = events_.line("work_refused", {{"id", "query"}, {"text", text}});
  } else if (wanted > 0) {
    line = events_.line("memory_read", {{"subject", subject}, {"wanted", wanted}, {"got", got}});
  }
  if (!line.empty()) {
    Task<> telling = tell(std::move(line));
    co_await std::move(telling);
  }
  co_return got;
}

// Work

std::string Worker::items_url() const {
  return fmt::format("{}/v1/workspaces/{}/items", options_.archive_url, options_.workspace);
}

Task<> Worker::work() {
  for (;;) {
    Task<> ingesting = ingest_progress();
    co_await std::move(ingesting);
    Task<> advancing = advance_candidate();
    co_await std::move(advancing);
    for (const std::string& peer : options_.peers) {
      Task<> reviewing = review_peer(peer);
      co_await std::move(reviewing);
    }
    co_await soak::sleep_for(options_.work_interval);
  }
}

Task<> Worker::ingest_progress() {
  if (finishing_.is_set() || options_.passive) {
    co_return;
  }
  const std::uint64_t number = state_.mark("ingested") + 1;
  const std::string subject = subject_of(options_.handle);
  JsonText memory;
  memory.text("id", fmt::format("progress-{}", number)).text("subject", subject);
  memory.text("text", fmt::format("number {}", number)).names("tags", {"progress"});
  Task<ServiceAnswer> ingesting = call("POST", options_.archive_url + "/v1/memory/ingest", memory.object());
  const ServiceAnswer answer = co_await std::move(ingesting);
  std::string line;
  if (answer.ok()) {
    line = events_.line("memory_ingested", {{"subject", subject}, {"number", number}});
  } else {
    const std::string text = fmt::format("{} {} {}", answer.status, answer.code, answer.message);
    line = events_.line("work_refused", {{"id", "ingest"}, {"text", text}});
  }
  Task<> telling = tell(std::move(line));
  co_await std::move(telling);
  {
    const soak::Permit turn = co_await turn_.acquire();
    std::string mark = EdgeState::mark_line("ingested", number);
    Task<> storing = step(std::move(mark));
    co_await std::move(storing);
  }
  Task<std::uint64_t> reading = read_number(subject, number);
  co_await std::move(reading);
}

// A call that has to be refused: a gate that holds, or does not.
Task<> Worker::expect_refusal(std::string url, std::string body, std::string what) {
  Task<ServiceAnswer> calling = call("POST", std::move(url), std::move(body));
  const ServiceAnswer answer = co_await std::move(calling);
  const std::string text = fmt::format("{}: {} {}", what, answer.status, answer.code);
  std::string line = events_.line(answer.ok() ? "gate_broken" : "gate_held", {{"text", text}});
  Task<> telling = tell(std::move(line));
  co_await std::move(telling);
}

Task<> Worker::advance_candidate() {
  const std::uint64_t number = state_.mark("promoted") + 1;
  if (state_.mark("begun") < number) {
    if (!finishing_.is_set() && !options_.passive) {
      Task<> beginning = begin_candidate(number);
      co_await std::move(beginning);
    }
    co_return;
  }
  const std::string candidate = fmt::format("c-{}-{}", name(), number);
  JsonText body;
  body.text("id", "promote-" + candidate);
  Task<ServiceAnswer> promoting = call("POST", fmt::format("{}/{}/promote", items_url(), candidate), body.object());
  const ServiceAnswer answer = co_await std::move(promoting);
  if (!answer.ok()) {
    co_return;  // not_reviewed: another look will tell.
  }
  std::string line = events_.line("promoted", {{"candidate", candidate}});
  Task<> telling = tell(std::move(line));
  co_await std::move(telling);
  Task<> publishing = publish(number);
  co_await std::move(publishing);
  const soak::Permit turn = co_await turn_.acquire();
  std::string mark = EdgeState::mark_line("promoted", number);
  Task<> storing = step(std::move(mark));
  co_await std::move(storing);
}

Task<> Worker::begin_candidate(std::uint64_t number) {
  const std::string evidence = fmt::format("e-{}-{}", name(), number);
  const std::string candidate = fmt::format("c-{}-{}", name(), number);
  const std::string unreviewed = fmt::format("x-{}-{}", name(), number);
  JsonText pack;
  pack.text("id", evidence).text("type", "evidence_pack");
  pack.text("text", fmt::format("Source: url:https://example.org/{}\nObservation: number {} holds", number, number));
  pack.names("supports", {fmt::format("url:https://example.org/{}", number)}).number("confidence", 0.86);
  pack.names("tags", options_.tags);
  Task<ServiceAnswer> adding = call("POST", items_url(), pack.object());
  co_await std::move(adding);
  const std::vector<std::string> ids = {candidate, unreviewed};
  for (const std::string& id : ids) {
    JsonText item;
    item.text("id", id)
        .text("type", "promotion_candidate")
        .text("text", fmt::format("Finding {} of {}", number, name()));
    item.names("affects", {evidence}).number("confidence", 0.9);
    Task<ServiceAnswer> proposing = call("POST", items_url(), item.object());
    const ServiceAnswer answer = co_await std::move(proposing);
    if (!answer.ok()) {
      const std::string text = fmt::format("{} {} {}", answer.status, answer.code, answer.message);
      std::string line = events_.line("work_refused", {{"id", id}, {"text", text}});
      Task<> telling = tell(std::move(line));
      co_await std::move(telling);
    }
  }
  // Nobody reviews this one: it must never pass.
  JsonText review;
  review.text("id", "own-" + unreviewed).text("verdict", "approve").text("text", "mine is good");
  Task<> reviewing = expect_refusal(fmt::format("{}/{}/reviews", items_url(), unreviewed), review.object(),
                                    fmt::format("the review of {} by its author", unreviewed));
  co_await std::move(reviewing);
  JsonText promote;
  promote.text("id", "promote-" + unreviewed);
  Task<> promoting = expect_refusal(fmt::format("{}/{}/promote", items_url(), unreviewed), promote.object(),
                                    fmt::format("the promotion of {} without a review", unreviewed));
  co_await std::move(promoting);
  std::string line = events_.line("candidate_begun", {{"candidate", candidate}});
  Task<> telling = tell(std::move(line));
  co_await std::move(telling);
  const soak::Permit turn = co_await turn_.acquire();
  std::string mark = EdgeState::mark_line("begun", number);
  Task<> storing = step(std::move(mark));
  co_await std::move(storing);
}

Task<> Worker::publish(std::uint64_t number) {
  const std::string publication = fmt::format("p-{}-{}", name(), number);
  JsonText body;
  body.text("id", publication).text("title", fmt::format("Finding {} of {}", number, name()));
  body.text("text", fmt::format("Source: item:e-{}-{}\nObservation: number {} holds", name(), number, number));
  body.names("supports", {fmt::format("item:{}/e-{}-{}", options_.workspace, name(), number)})
      .names("tags", {"finding"});
  Task<ServiceAnswer> publishing = call("POST", options_.archive_url + "/v1/commons", body.object());
  const ServiceAnswer answer = co_await std::move(publishing);
  std::string line;
  if (answer.ok()) {
    line = events_.line("submitted", {{"publication", publication}});
  } else {
    const std::string text = fmt::format("{} {} {}", answer.status, answer.code, answer.message);
    line = events_.line("work_refused", {{"id", publication}, {"text", text}});
  }
  Task<> telling = tell(std::move(line));
  co_await std::move(telling);
  JsonText review;
  review.text("id", "own-" + publication).text("verdict", "approve").text("text", "mine is good");
  Task<> reviewing = expect_refusal(fmt::format("{}/v1/commons/{}/reviews", options_.archive_url, publication),
                                    review.object(), fmt::format("the review of {} by its author", publication));
  co_await std::move(reviewing);
}

// The next candidate of a peer, until its publication is decided.
Task<> Worker::review_peer(std::string peer) {
  const std::string mark_name = "reviewed " + peer;
  const std::uint64_t number = state_.mark(mark_name) + 1;
  const std::string theirs = fmt::format("{}-{}", peer.substr(1), number);
  JsonText review;
  review.text("id", fmt::format("r-{}-{}", name(), theirs)).text("verdict", "approve").text("text", "seen");
  Task<ServiceAnswer> reviewing = call("POST", fmt::format("{}/c-{}/reviews", items_url(), theirs), review.object());
  const ServiceAnswer reviewed = co_await std::move(reviewing);
  if (reviewed.status == 404) {
    co_return;  // Not there yet.
  }
  if (reviewed.status == 201) {
    std::string line = events_.line("reviewed", {{"candidate", "c-" + theirs}});
    Task<> telling = tell(std::move(line));
    co_await std::move(telling);
  }
  JsonText approval;
  approval.text("id", fmt::format("a-{}-{}", name(), theirs)).text("verdict", "approve").text("text", "seen");
  Task<ServiceAnswer> approving =
      call("POST", fmt::format("{}/v1/commons/p-{}/reviews", options_.archive_url, theirs), approval.object());
  const ServiceAnswer approved = co_await std::move(approving);
  if (approved.status == 404) {
    co_return;
  }
  if (approved.ok()) {
    std::string line = events_.line("published", {{"publication", "p-" + theirs}});
    Task<> telling = tell(std::move(line));
    co_await std::move(telling);
  }
  const soak::Permit turn = co_await turn_.acquire();
  std::string mark = EdgeState::mark_line(mark_name, number);
  Task<> storing = step(std::move(mark));
  co_await std::move(storing);
}

bool Worker::settled() const {
  return state_.outbox().empty() && state_.unsettled().empty() && state_.mark("begun") == state_.mark("promoted");
}

Task<> Worker::watch_settling() {
  co_await finishing_.wait();
  bool was_settled = false;
  for (;;) {
    if (settled() != was_settled) {
      was_settled = !was_settled;
      std::string line = events_.line(
          was_settled ? "settled" : "unsettled",
          {{"outbox", std::uint64_t{state_.outbox().size()}}, {"unsettled", std::uint64_t{state_.unsettled().size()}}});
      Task<> telling = tell(std::move(line));
      co_await std::move(telling);
    }
    co_await soak::sleep_for(50ms);
  }
}

}  // namespace mesh
