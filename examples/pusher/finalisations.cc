// SPDX-License-Identifier: Apache-2.0
#include "pusher/finalisations.h"

#include <algorithm>
#include <utility>

#include "soak/error.h"
#include "soak/timeout.h"

namespace pusher {
namespace {

// A client that does not read its answers gets no more of them.
constexpr std::size_t kUnreadMax = std::size_t{64} << 10;

Finalized answer_to(const Finalize& request, std::string error) {
  Finalized answer;
  answer.conversation_id = request.conversation_id;
  answer.success = error.empty();
  answer.error = std::move(error);
  answer.dispatch_generation = request.dispatch_generation;
  return answer;
}

}  // namespace

Finalisations::Finalisations(soak::EventLoop& loop, const Limits& limits, Stores& stores)
    : limits_(limits), stores_(stores), at_once_(limits.jobs_at_once), tasks_(loop) {}

void Finalisations::request(const Finalize& finalize, const std::shared_ptr<soak::net::WebSocket>& asker) {
  if (hurry_.is_set()) {
    return;  // The service stops: the client asks the next one.
  }
  if (const std::shared_ptr<Job> known = find(finalize)) {
    known->asker = asker;
    if (known->answer) {
      send(asker, *known->answer);
    }
    return;
  }
  if (is_stale(finalize)) {
    Finalized answer = answer_to(finalize, "a newer generation has taken over");
    answer.fenced = true;
    send(asker, answer);
    return;
  }
  if (!make_room()) {
    send(asker, answer_to(finalize, "too many jobs"));
    return;
  }
  auto job = std::make_shared<Job>();
  job->request = finalize;
  job->asker = asker;
  jobs_.push_back(job);
  tasks_.start({"finalise", ++started_}, run(std::move(job)), soak::TaskKind::kBackground);
}

std::shared_ptr<Finalisations::Job> Finalisations::find(const Finalize& finalize) const {
  const auto same = std::find_if(jobs_.begin(), jobs_.end(), [&](const std::shared_ptr<Job>& job) {
    return job->request.conversation_id == finalize.conversation_id &&
           job->request.finalization_job_id == finalize.finalization_job_id &&
           job->request.dispatch_generation == finalize.dispatch_generation;
  });
  return same == jobs_.end() ? nullptr : *same;
}

bool Finalisations::is_stale(const Finalize& finalize) const {
  return std::any_of(jobs_.begin(), jobs_.end(), [&](const std::shared_ptr<Job>& job) {
    return job->request.conversation_id == finalize.conversation_id &&
           job->request.dispatch_generation > finalize.dispatch_generation;
  });
}

// Forgets the oldest finished job if there are too many; false if all of them run.
bool Finalisations::make_room() {
  if (jobs_.size() < limits_.jobs_max) {
    return true;
  }
  const auto finished =
      std::find_if(jobs_.begin(), jobs_.end(), [](const std::shared_ptr<Job>& job) { return job->answer.has_value(); });
  if (finished == jobs_.end()) {
    return false;
  }
  jobs_.erase(finished);
  return true;
}

soak::Task<> Finalisations::run(std::shared_ptr<Job> job) {
  soak::Task<Finalized> finalising = finalise(job->request);
  job->answer = co_await std::move(finalising);
  // A failure may be tried again: only what will not change is remembered.
  if (!job->answer->success && !job->answer->terminal && !job->answer->fenced) {
    std::erase(jobs_, job);
  }
  std::string frame = encode(*job->answer);
  co_await send_answer(job->asker, std::move(frame));
}

soak::Task<Finalized> Finalisations::finalise(const Finalize& request) {
  const std::string path = "/v1/conversations/" + Stores::path_part(request.conversation_id) + "/finalize";
  // An id may be empty. path_part() leaves no dot.
  const std::string key = Stores::path_part(request.conversation_id) + "." +
                          Stores::path_part(request.finalization_job_id) + "." +
                          std::to_string(request.dispatch_generation);
  Finalized answer;
  for (std::size_t tries = 1;; ++tries) {
    try {
      const soak::Permit permit = co_await at_once_.acquire();
      Delivery delivery(path, key, encode(request).substr(4));
      const std::string stored = co_await stores_.post(std::move(delivery));
      co_return answer_to(request, "");
    } catch (const StoreError& error) {
      answer = answer_to(request, error.status() == 409 ? "job_leased" : error.what());
      answer.fenced = error.status() == 412;
      answer.terminal = error.gone();
    }
    const bool final = answer.fenced || answer.terminal || answer.error == "job_leased";
    if (final || tries >= limits_.job_tries) {
      co_return answer;
    }
    const bool hurried = co_await hurry_.wait_for(limits_.job_retry_interval);
    static_cast<void>(hurried);
  }
}

void Finalisations::send(const std::weak_ptr<soak::net::WebSocket>& to, const Finalized& answer) {
  const std::shared_ptr<soak::net::WebSocket> socket = to.lock();
  if (socket == nullptr || !socket->is_open() || socket->buffered_bytes() > kUnreadMax) {
    return;
  }
  tasks_.start({"answer", ++started_}, send_answer(to, encode(answer)), soak::TaskKind::kBackground);
}

soak::Task<> Finalisations::send_answer(std::weak_ptr<soak::net::WebSocket> to, std::string frame) {
  const std::shared_ptr<soak::net::WebSocket> socket = to.lock();
  if (socket == nullptr || !socket->is_open() || socket->buffered_bytes() > kUnreadMax) {
    co_return;
  }
  try {
    soak::Task<> sending = socket->send_binary(std::move(frame));
    co_await soak::with_timeout(limits_.answer_timeout, std::move(sending), {.name = "answer"});
  } catch (const soak::Error&) {
    // The client has left, or does not read: it asks again when it has reconnected.
  }
}

}  // namespace pusher
