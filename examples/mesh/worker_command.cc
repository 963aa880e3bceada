// SPDX-License-Identifier: Apache-2.0
// mesh worker: one edge, whose agent is registered and linked. Everything that it must not forget is in its folder:
// key, journal, events.jsonl. When a file `finish` appears there, it begins nothing new, and settles what it began.

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mesh/commands.h"
#include "mesh/edge/agent_client.h"
#include "mesh/edge/chat.h"
#include "mesh/edge/event_log.h"
#include "mesh/edge/journal.h"
#include "mesh/edge/worker.h"
#include "mesh/flags.h"
#include "mesh/identity.h"
#include "mesh/json.h"
#include "mesh/stop_signals.h"
#include "soak/event_loop.h"
#include "soak/task.h"

namespace mesh {

namespace {

using namespace std::chrono_literals;

soak::Task<> finish_when_asked(Worker& worker, std::string file) {
  while (!std::filesystem::exists(file)) {
    co_await soak::sleep_for(50ms);
  }
  worker.finish();
}

soak::Task<> run_worker(Worker& worker, std::string finish_file) {
  const auto body = [&worker, &finish_file](soak::TaskGroup& group) -> soak::Task<> {
    group.start("finish", finish_when_asked(worker, finish_file), soak::TaskKind::kFinite);
    soak::Task<> running = worker.run();
    co_await std::move(running);
    group.cancel();
  };
  co_await soak::with_group({.timeout = 1s}, body);
}

std::chrono::seconds offset_of(const std::string& text) {
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (!text.empty() && (error != std::errc() || end != text.data() + text.size())) {
    throw UsageError("--clock-offset: expected a number of seconds, got \"" + text + "\"");
  }
  return std::chrono::seconds(seconds);
}

std::vector<std::string> handles_of(std::string_view text) {
  std::vector<std::string> handles;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    handles.emplace_back(text.substr(0, end));
    if (!is_handle(handles.back())) {
      throw UsageError("--peers: expected handles such as @ada,@bob, got \"" + handles.back() + "\"");
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return handles;
}

}  // namespace

int worker_command(const std::vector<std::string>& arguments) {
  const Flags flags(arguments,
                    {"--folder", "--handle", "--directory", "--relay", "--archive", "--workspace", "--peers", "--seed",
                     "--iterations", "--interval-ms", "--chat", "--clock-offset", "--tag"},
                    {"--passive"});
  if (!flags.positional().empty()) {
    throw UsageError("unexpected argument " + flags.positional().front());
  }
  WorkerOptions options;
  const std::string folder = flags.required("--folder");
  options.handle = flags.required("--handle");
  options.directory_url = flags.required("--directory");
  options.relay_url = flags.text("--relay", options.directory_url);
  options.archive_url = flags.required("--archive");
  options.workspace = flags.required("--workspace");
  options.peers = handles_of(flags.text("--peers"));
  options.seed = flags.number("--seed", 0, 0, UINT64_MAX);
  options.iterations_max = flags.number("--iterations", 0, 0, UINT64_MAX);
  options.interval = std::chrono::milliseconds(flags.number("--interval-ms", 250, 1, 3'600'000));
  options.passive = flags.on("--passive");
  if (!flags.text("--tag").empty()) {
    options.tags = {flags.text("--tag")};
  }
  const std::chrono::seconds clock_offset = offset_of(flags.text("--clock-offset"));
  ChatOptions chat_defaults;
  chat_defaults.base_url = flags.text("--chat");
  ChatOptions chat_options = chat_options_from([](const char* name) { return std::getenv(name); }, chat_defaults);

  StopSignals::block();
  // Nonces must differ from those of the process before; the workload follows from --seed.
  std::random_device device;
  soak::UvLoop loop({.seed = (std::uint64_t{device()} << 32U) | device()});
  FileJournal journal(folder + "/journal");
  EventLog events(folder + "/events.jsonl", options.handle);
  AgentClient client(loop, PrivateKey::load_or_create(folder + "/key"), 5s, clock_offset);
  Chat chat(loop, std::move(chat_options));
  Worker worker(loop, std::move(options), journal, events, client, chat);
  const StopSignals signals(loop, [&worker] { worker.stop(); });
  loop.run(run_worker(worker, folder + "/finish"));
  return 0;
}

}  // namespace mesh
