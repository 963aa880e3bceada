// SPDX-License-Identifier: Apache-2.0
#include "mesh/harness/cluster.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mesh/archive/codec.h"
#include "mesh/edge/worker.h"
#include "mesh/json.h"
#include "mesh/json_lookup.h"
#include "soak/error.h"

namespace mesh {

namespace {

using namespace std::chrono_literals;
using soak::Task;
using std::chrono::nanoseconds;

constexpr nanoseconds kReadyTimeout = 30s;
constexpr nanoseconds kEndTimeout = 20s;

std::string handle_of(std::string_view edge) { return fmt::format("@{}", edge); }

soak::net::HttpClientOptions plain_options() {
  soak::net::HttpClientOptions options;
  options.timeout = 2s;
  options.connect_timeout = 2s;
  options.proxy = "";
  return options;
}

}  // namespace

Cluster::Cluster(soak::EventLoop& loop, ClusterOptions options)
    : loop_(loop), options_(std::move(options)), plain_(loop, plain_options()) {
  if (options_.default_chat) {
    chat_.emplace(loop_);
  }
  directory_ = service("directory", {});
  archive_ = service("archive", {"--directory", directory_.url});
  for (const std::string& name : nodes(options_.edges).edges) {
    Node edge;
    edge.name = name;
    const std::string folder = fmt::format("{}/{}", options_.folder, name);
    std::filesystem::create_directories(folder);
    edge.log = folder + "/log";
    edge.feed = std::make_unique<EventFeed>(folder + "/events.jsonl");
    edge.agent = std::make_unique<AgentClient>(loop_, PrivateKey::load_or_create(folder + "/key"));
    edges_.push_back(std::move(edge));
  }
}

Cluster::~Cluster() = default;

Nodes Cluster::nodes(std::size_t edges) {
  Nodes nodes;
  nodes.services = {"directory", "archive"};
  for (std::size_t i = 0; i < edges; ++i) {
    nodes.edges.push_back(i < 26 ? fmt::format("demo-agent-{}", static_cast<char>('a' + i))
                                 : fmt::format("demo-agent-{}", i + 1));
  }
  return nodes;
}

Cluster::Node Cluster::service(std::string name, std::vector<std::string> more) {
  Node node;
  node.name = std::move(name);
  const std::string folder = fmt::format("{}/{}", options_.folder, node.name);
  std::filesystem::create_directories(folder);
  const std::uint16_t port = free_port();
  node.url = fmt::format("http://127.0.0.1:{}", port);
  node.log = folder + "/log";
  node.arguments = {options_.program, node.name, "--db", folder + "/mesh.db", "--port", fmt::format("{}", port)};
  node.arguments.insert(node.arguments.end(), more.begin(), more.end());
  return node;
}

void Cluster::launch(Node& node) {
  std::vector<std::string> arguments = node.arguments;
  if (!node.clock.empty()) {
    arguments.push_back("--clock-offset=" + node.clock);
  }
  node.process = std::make_unique<ChildProcess>(arguments, node.log);
  if (look_) {
    look_(node.name, node.process->id());
  }
}

Cluster::Node& Cluster::node(std::string_view name) {
  if (name == directory_.name) {
    return directory_;
  }
  if (name == archive_.name) {
    return archive_;
  }
  const auto found = std::find_if(edges_.begin(), edges_.end(), [name](const Node& edge) { return edge.name == name; });
  if (found == edges_.end()) {
    throw soak::Error(soak::Errc::kInvalidArgument, fmt::format("there is no node {}", name));
  }
  return *found;
}

Task<> Cluster::await_ready(std::string url) {
  const soak::Instant deadline = loop_.now() + kReadyTimeout;
  for (;;) {
    try {
      soak::net::HttpRequest request("GET", url + "/readyz");
      Task<soak::net::HttpResponse> asking = plain_.send(std::move(request));
      const soak::net::HttpResponse response = co_await std::move(asking);
      if (response.status == 200) {
        co_return;
      }
    } catch (const soak::net::HttpError&) {
      // Not listening yet.
    }
    if (loop_.now() >= deadline) {
      throw soak::Error(soak::Errc::kTimeout,
                        fmt::format("{} was not ready within {} s", url, kReadyTimeout / std::chrono::seconds(1)));
    }
    co_await soak::sleep_for(10ms);
  }
}

Task<> Cluster::start_services() {
  launch(directory_);
  Task<> directory = await_ready(directory_.url);
  co_await std::move(directory);
  launch(archive_);
  Task<> archive = await_ready(archive_.url);
  co_await std::move(archive);
  Task<> equipping = equip_agents();
  co_await std::move(equipping);
}

Task<ServiceAnswer> Cluster::must(Task<ServiceAnswer> call, std::string what) {
  ServiceAnswer answer = co_await std::move(call);
  if (!answer.ok()) {
    throw soak::Error(soak::Errc::kRejected,
                      fmt::format("{}: {} {} {}", what, answer.status, answer.code, answer.message));
  }
  co_return answer;
}

Task<> Cluster::equip_agents() {
  std::vector<std::string> handles;
  for (const Node& edge : edges_) {
    handles.push_back(handle_of(edge.name));
    JsonText body;
    body.text("handle", handles.back()).text("public_key", edge.agent->key().public_key().base64());
    Task<ServiceAnswer> registering =
        must(edge.agent->post(directory_.url + "/v1/agents", body.object()), "registration of " + edge.name);
    co_await std::move(registering);
  }
  for (std::size_t i = 0; i < edges_.size(); ++i) {
    for (std::size_t j = i + 1; j < edges_.size(); ++j) {
      JsonText invite;
      invite.text("id", fmt::format("invite-{}", edges_[j].name)).text("scope", "mirror").integer("seconds", 3600);
      Task<ServiceAnswer> inviting =
          must(edges_[i].agent->post(directory_.url + "/v1/invites", invite.object()), "invite by " + edges_[i].name);
      const ServiceAnswer invited = co_await std::move(inviting);
      JsonText join;
      join.text("token", text_of(parse_json(invited.body), "token"));
      Task<ServiceAnswer> joining =
          must(edges_[j].agent->post(directory_.url + "/v1/links", join.object()), "link of " + edges_[j].name);
      co_await std::move(joining);
    }
  }
  JsonText workspace;
  workspace.text("id", kWorkspace).text("title", "Demo").names("members", handles);
  Task<ServiceAnswer> creating =
      must(edges_.front().agent->post(archive_.url + "/v1/workspaces", workspace.object()), "workspace");
  co_await std::move(creating);
}

void Cluster::start_edges(const std::vector<Fault>& faults) {
  faults_ = faults;
  load_began_ = loop_.now();
  for (Node& edge : edges_) {
    std::vector<std::string> urls;
    for (const Node* service : {&directory_, &archive_}) {
      const auto port = static_cast<std::uint16_t>(std::stoi(service->url.substr(service->url.rfind(':') + 1)));
      edge.proxies.push_back(std::make_unique<soak::fault::ByteProxy>(
          loop_, port, [this, name = edge.name, to = service->name](std::uint64_t) { return link_plan(name, to); }));
      urls.push_back(edge.proxies.back()->url(service->url));
    }
    std::vector<std::string> peers;
    for (const Node& peer : edges_) {
      if (peer.name != edge.name) {
        peers.push_back(handle_of(peer.name));
      }
    }
    edge.arguments = {options_.program, "worker",
                      "--folder",       fmt::format("{}/{}", options_.folder, edge.name),
                      "--handle",       handle_of(edge.name),
                      "--directory",    urls[0],
                      "--archive",      urls[1],
                      "--workspace",    std::string(kWorkspace),
                      "--peers",        fmt::format("{}", fmt::join(peers, ",")),
                      "--seed",         fmt::format("{}", options_.seed),
                      "--iterations",   fmt::format("{}", options_.iterations_max),
                      "--interval-ms",  fmt::format("{}", options_.interval / 1ms)};
    if (chat_) {
      edge.arguments.insert(edge.arguments.end(), {"--chat", chat_->base_url()});
    }
    const auto number = static_cast<std::size_t>(&edge - edges_.data());
    if (options_.drivers > 0 && number >= options_.drivers) {
      edge.arguments.emplace_back("--passive");
    }
    if (!options_.tag.empty()) {
      edge.arguments.insert(edge.arguments.end(), {"--tag", options_.tag});
    }
    launch(edge);
  }
}

// A proxy decides about a connection when it is accepted. The plan of the run is known by then.
soak::fault::BytePlan Cluster::link_plan(const std::string& edge, const std::string& service) const {
  const nanoseconds now = loop_.now() - load_began_;
  soak::fault::BytePlan plan;
  std::optional<nanoseconds> ends;
  const auto end_at = [&](nanoseconds at) { ends = ends ? std::min(*ends, at - now) : at - now; };
  for (const Fault& fault : faults_) {
    if (fault.node != edge || fault.to != service || fault.at + fault.lasts <= now) {
      continue;
    }
    if (fault.at > now) {
      end_at(fault.at);  // The next connection is the one that is hit.
    } else if (fault.kind == FaultKind::kCut) {
      plan.faults = {{.kind = soak::fault::ByteKind::kReset}};
      return plan;
    } else {
      plan.to_server.latency = fault.latency;
      plan.to_client.latency = fault.latency;
      plan.to_server.bytes_per_second = fault.bytes_per_second;
      plan.to_client.bytes_per_second = fault.bytes_per_second;
      end_at(fault.at + fault.lasts);
    }
  }
  if (ends) {
    plan.faults = {{.kind = soak::fault::ByteKind::kCut, .after = *ends}};
  }
  return plan;
}

std::uint64_t Cluster::syncs(const Node& node) const { return node.feed ? node.feed->signals().sync_calls : 0; }

Task<> Cluster::await_works(Node& node, std::uint64_t syncs_before) {
  if (!node.feed) {
    Task<> ready = await_ready(node.url);
    co_await std::move(ready);
    co_return;
  }
  const soak::Instant deadline = loop_.now() + kReadyTimeout;
  while (node.feed->signals().sync_calls <= syncs_before || node.feed->synced_by() != node.process->id()) {
    if (loop_.now() >= deadline) {
      throw soak::Error(soak::Errc::kTimeout,
                        fmt::format("{} did not sync within {} s", node.name, kReadyTimeout / std::chrono::seconds(1)));
    }
    co_await soak::sleep_for(5ms);
    node.feed->poll();
  }
}

Task<> Cluster::play(Node& node, const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::kKill:
      ++kills_;
      node.process->signal(SIGKILL);
      break;
    case FaultKind::kClock:
      node.clock = fmt::format("{}", fault.step.count());
      node.process->signal(SIGTERM);
      break;
    case FaultKind::kRestart:
      node.process->signal(SIGTERM);
      break;
    case FaultKind::kStop:
      node.process->signal(SIGSTOP);
      co_await soak::sleep_for(fault.lasts);
      node.process->signal(SIGCONT);
      co_return;
    case FaultKind::kFill:
      node.process->limit_files(true);
      co_await soak::sleep_for(fault.lasts);
      node.process->limit_files(false);
      co_return;
    case FaultKind::kCut:
    case FaultKind::kSlow:
      co_await soak::sleep_for(fault.lasts);
      co_return;
  }
  Task<std::optional<int>> ending = node.process->ended(kEndTimeout);
  const std::optional<int> status = co_await std::move(ending);
  if (!status) {
    unexpected_ends_.push_back(
        fmt::format("{} did not end within {} s of SIGTERM", node.name, kEndTimeout / std::chrono::seconds(1)));
    node.process->signal(SIGKILL);
    Task<std::optional<int>> killing = node.process->ended(kEndTimeout);
    co_await std::move(killing);
  } else if (fault.kind != FaultKind::kKill && *status != 0) {
    unexpected_ends_.push_back(fmt::format("{} ended with status {} after SIGTERM", node.name, *status));
  }
  launch(node);
}

Task<std::optional<Recovery>> Cluster::apply(Fault fault) {
  Node& hit = node(fault.node);
  if (hit.under_fault) {
    co_return std::nullopt;
  }
  struct UnderFault {
    explicit UnderFault(bool& under) : flag(under) { flag = true; }
    ~UnderFault() { flag = false; }
    UnderFault(const UnderFault&) = delete;
    UnderFault& operator=(const UnderFault&) = delete;
    bool& flag;
  };
  const UnderFault under(hit.under_fault);
  const soak::Instant began = loop_.now();
  Task<> playing = play(hit, fault);
  co_await std::move(playing);
  const soak::Instant over = fault.lasts > nanoseconds::zero() ? loop_.now() : began;
  if (hit.feed) {
    hit.feed->poll();
  }
  Task<> working = await_works(hit, syncs(hit));
  co_await std::move(working);
  co_return Recovery{hit.name, to_string(fault), began - load_began_, loop_.now() - over};
}

void Cluster::check_running(Node& node) {
  if (node.process && !node.under_fault && !node.process->running()) {
    unexpected_ends_.push_back(fmt::format("{} ended by itself; see {}", node.name, node.log));
    launch(node);
  }
}

void Cluster::poll() {
  check_running(directory_);
  check_running(archive_);
  for (Node& edge : edges_) {
    check_running(edge);
    edge.feed->poll();
  }
}

Task<std::vector<std::string>> Cluster::finish(nanoseconds timeout) {
  for (const Node& edge : edges_) {
    std::ofstream(fmt::format("{}/{}/finish", options_.folder, edge.name)) << "finish\n";
  }
  const soak::Instant deadline = loop_.now() + timeout;
  int looks = 0;
  std::vector<std::string> left;
  do {
    poll();
    left.clear();
    for (const Node& edge : edges_) {
      if (!edge.feed->settled()) {
        left.push_back(fmt::format("{} has messages or work that is not settled", edge.name));
      }
    }
    looks = left.empty() ? looks + 1 : 0;
    if (looks == 5) {
      co_return left;
    }
    co_await soak::sleep_for(100ms);
  } while (loop_.now() < deadline);
  co_return left;
}

Task<std::vector<std::string>> Cluster::missing_links() {
  std::vector<std::string> missing;
  for (const Node& edge : edges_) {
    Task<ServiceAnswer> asking = must(edge.agent->get(directory_.url + "/v1/links"), "the links of " + edge.name);
    const ServiceAnswer answer = co_await std::move(asking);
    const rapidjson::Document listed = parse_json(answer.body);
    std::set<std::string> peers;
    for (const rapidjson::Value& link : list_of(listed, "links")) {
      if (text_of(link, "scope") == "mirror") {
        peers.insert(text_of(link, "peer"));
      }
    }
    for (const Node& peer : edges_) {
      if (peer.name != edge.name && !peers.contains(handle_of(peer.name))) {
        missing.push_back(fmt::format("{} to {}", edge.name, peer.name));
      }
    }
  }
  co_return missing;
}

Task<std::vector<std::string>> Cluster::stop() {
  std::vector<std::string> unclean;
  std::vector<Node*> nodes;
  for (Node& edge : edges_) {
    nodes.push_back(&edge);
  }
  nodes.push_back(&archive_);
  nodes.push_back(&directory_);
  for (Node* each : nodes) {
    if (!each->process) {
      continue;
    }
    each->under_fault = true;
    each->process->signal(SIGTERM);
    Task<std::optional<int>> ending = each->process->ended(kEndTimeout);
    const std::optional<int> status = co_await std::move(ending);
    if (status != 0) {
      unclean.push_back(status ? fmt::format("{} ended with status {} at the end", each->name, *status)
                               : fmt::format("{} did not end at the end", each->name));
    }
    each->process.reset();
  }
  co_return unclean;
}

Task<ArchiveContent> Cluster::archive_content() {
  AgentClient& agent = *edges_.front().agent;
  ArchiveContent content;
  std::string after;
  for (bool more = true; more;) {
    Task<ServiceAnswer> asking =
        must(agent.get(fmt::format("{}/v1/workspaces/{}/items?limit=500&after={}", archive_.url, kWorkspace, after)),
             "the items of the workspace");
    const ServiceAnswer answer = co_await std::move(asking);
    const rapidjson::Document page = parse_json(answer.body);
    for (const rapidjson::Value& item : list_of(page, "items")) {
      content.items.push_back(decode_item(json_of(item)));
      after = content.items.back().id;
    }
    more = flag_of(page, "has_more");
  }
  after.clear();
  for (bool more = true; more;) {
    JsonText query;
    query.integer("limit", 500);
    if (!after.empty()) {
      query.text("after", after);
    }
    Task<ServiceAnswer> asking = must(agent.post(archive_.url + "/v1/commons/query", query.object()), "the commons");
    const ServiceAnswer answer = co_await std::move(asking);
    const rapidjson::Document page = parse_json(answer.body);
    for (const rapidjson::Value& publication : list_of(page, "results")) {
      content.publications.push_back(decode_publication(json_of(publication)));
      after = content.publications.back().id;
    }
    more = flag_of(page, "has_more");
  }
  for (const Node& edge : edges_) {
    const std::string subject = fmt::format("edge/{}/progress", edge.name);
    JsonText query;
    query.text("subject", subject).integer("limit", 1);
    Task<ServiceAnswer> asking = must(agent.post(archive_.url + "/v1/memory/query", query.object()), "the memory");
    const ServiceAnswer answer = co_await std::move(asking);
    const rapidjson::Document page = parse_json(answer.body);
    const rapidjson::Value::ConstArray results = list_of(page, "results");
    content.current[subject] = results.Empty() ? 0 : number_in(text_of(results[0], "text"));
  }
  co_return content;
}

Task<std::vector<std::string>> Cluster::probe(AgentClient& agent, std::string when) {
  std::vector<std::string> accepted;
  struct Probe {
    std::string method;
    std::string url;
    std::string body;
  };
  const std::vector<Probe> probes = {{"GET", directory_.url + "/v1/links", ""},
                                     {"POST", directory_.url + "/v1/relay/sync", "{}"},
                                     {"POST", archive_.url + "/v1/memory/query", "{}"}};
  for (const Probe& probe : probes) {
    try {
      Task<ServiceAnswer> asking = agent.call(probe.method, probe.url, probe.body);
      const ServiceAnswer answer = co_await std::move(asking);
      if (answer.code != "revoked" && !answer.temporary()) {
        accepted.push_back(fmt::format("{} {}: {} {}, {}", probe.method, probe.url, answer.status, answer.code, when));
      }
    } catch (const soak::net::HttpError&) {
      // The service is down: it accepted nothing.
    }
  }
  co_return accepted;
}

Task<std::vector<std::string>> Cluster::probe_revocation() {
  std::vector<std::string> accepted;
  if (last_revoked_) {
    Task<std::vector<std::string>> probing = probe(*last_revoked_, "after a restart");
    accepted = co_await std::move(probing);
  }
  const std::string handle = fmt::format("@demo-revoked-{}", ++revoked_);
  auto agent = std::make_unique<AgentClient>(loop_, PrivateKey::generate());
  JsonText registration;
  registration.text("handle", handle).text("public_key", agent->key().public_key().base64());
  JsonText revocation;
  revocation.text("reason", "demo");
  try {
    Task<ServiceAnswer> registering = agent->post(directory_.url + "/v1/agents", registration.object());
    const ServiceAnswer registered = co_await std::move(registering);
    // The Archive knows the agent: what it remembers must not outlive the revocation.
    Task<ServiceAnswer> asking = agent->post(archive_.url + "/v1/memory/query", "{}");
    co_await std::move(asking);
    Task<ServiceAnswer> revoking =
        agent->post(fmt::format("{}/v1/agents/{}/revoke", directory_.url, handle), revocation.object());
    const ServiceAnswer revoked = co_await std::move(revoking);
    if (!registered.ok() || !revoked.ok()) {
      co_return accepted;  // A service was down: another time.
    }
  } catch (const soak::net::HttpError&) {
    co_return accepted;
  }
  Task<std::vector<std::string>> probing = probe(*agent, "right after its revocation");
  const std::vector<std::string> now = co_await std::move(probing);
  accepted.insert(accepted.end(), now.begin(), now.end());
  last_revoked_ = std::move(agent);
  co_return accepted;
}

void Cluster::on_process(std::function<void(const std::string&, pid_t)> look) {
  look_ = std::move(look);
  std::vector<Node*> nodes = {&directory_, &archive_};
  for (Node& edge : edges_) {
    nodes.push_back(&edge);
  }
  for (const Node* each : nodes) {
    if (each->process) {
      look_(each->name, each->process->id());
    }
  }
}

std::vector<std::string> Cluster::edge_names() const {
  std::vector<std::string> names;
  for (const Node& edge : edges_) {
    names.push_back(edge.name);
  }
  return names;
}

std::string Cluster::events_path(std::string_view edge) const {
  return fmt::format("{}/{}/events.jsonl", options_.folder, edge);
}

Evidence read_evidence(const Cluster& cluster) {
  Evidence evidence;
  for (const std::string& edge : cluster.edge_names()) {
    std::ifstream file(cluster.events_path(edge));
    std::string line;
    while (std::getline(file, line)) {
      evidence.add_line("@" + edge, line);
    }
  }
  return evidence;
}

}  // namespace mesh
