// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_HARNESS_CLUSTER_H_
#define MESH_HARNESS_CLUSTER_H_

// The processes of a run: Directory (with the Relay), Archive, and the edge workers. Each edge reaches each service
// through a byte proxy of its own, so that one link can fail without the others.
//
//   DIR/directory/, DIR/archive/    their databases and logs
//   DIR/demo-agent-a/               an edge: key, journal, events.jsonl, log

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/edge/agent_client.h"
#include "mesh/edge/fake_chat.h"
#include "mesh/harness/child_process.h"
#include "mesh/harness/event_feed.h"
#include "mesh/harness/fault_plan.h"
#include "mesh/harness/verdict.h"
#include "soak/event_loop.h"
#include "soak/fault/byte_proxy.h"
#include "soak/net/http_client.h"
#include "soak/task.h"

namespace mesh {

struct ClusterOptions {
  std::string folder;   // Made if it is missing; must not hold an earlier run.
  std::string program;  // `mesh`, as a path.
  std::size_t edges = 3;
  std::size_t drivers = 0;  // How many of them send requests, the first ones; 0: all.
  std::uint64_t seed = 0;
  std::uint64_t iterations_max = 0;
  std::string tag;  // Of the artifacts that the edges save; empty: none.
  std::chrono::nanoseconds interval = std::chrono::milliseconds{250};
  bool default_chat = true;  // The fake, unless the environment names an endpoint.
};

// How long a node took from a fault to its next success.
struct Recovery {
  std::string node;
  std::string fault;
  std::chrono::nanoseconds at{0};    // When the fault began, since the load did.
  std::chrono::nanoseconds took{0};  // From then, or from the end of a fault that lasts.
};

class Cluster {
 public:
  static constexpr std::string_view kWorkspace = "demo";

  Cluster(soak::EventLoop& loop, ClusterOptions options);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // "demo-agent-a": the names of the nodes of a run with that many edges.
  static Nodes nodes(std::size_t edges);

  // Starts the services; registers, links and equips the agents. Throws soak::Error, which says what failed.
  soak::Task<> start_services();
  // Starts the edges: from now the load runs. `faults` are those that apply() will be called for.
  void start_edges(const std::vector<Fault>& faults);

  // Plays one fault and waits until the node works again. nullopt if the node was down for another fault.
  soak::Task<std::optional<Recovery>> apply(Fault fault);

  // Links that an agent should have and does not list: "demo-agent-a to demo-agent-b".
  soak::Task<std::vector<std::string>> missing_links();

  // Every edge begins nothing new; waits until all of them are settled. What is left over, in words; empty: nothing.
  soak::Task<std::vector<std::string>> finish(std::chrono::nanoseconds timeout);
  // SIGTERM to all; names those that did not end with status 0.
  soak::Task<std::vector<std::string>> stop();

  // What the Archive holds, asked for as the first edge's agent.
  soak::Task<ArchiveContent> archive_content();
  // Registers a further agent, revokes it, and asks every service as that agent: what was not refused.
  soak::Task<std::vector<std::string>> probe_revocation();

  // Calls `look` now and whenever a process has been started in place of another.
  void on_process(std::function<void(const std::string& node, pid_t id)> look);
  void poll();  // Reads the edges' events.
  const EventFeed& feed(std::size_t edge) const { return *edges_[edge].feed; }
  std::vector<std::string> edge_names() const;
  std::string events_path(std::string_view edge) const;

  AgentClient& agent(std::size_t edge) { return *edges_[edge].agent; }
  const std::string& directory_url() const { return directory_.url; }
  const std::string& archive_url() const { return archive_.url; }
  // Processes that ended although nobody asked them to; they have been started again.
  const std::vector<std::string>& unexpected_ends() const { return unexpected_ends_; }
  std::uint64_t kills() const { return kills_; }
  std::uint64_t completions() const { return chat_ ? chat_->completions() : 0; }

 private:
  struct Node {
    std::string name;
    std::vector<std::string> arguments;
    std::string log;
    std::string url;  // Of a service.
    std::unique_ptr<ChildProcess> process;
    bool under_fault = false;
    std::string clock;  // "--clock-offset" of an edge.
    std::unique_ptr<EventFeed> feed;
    std::unique_ptr<AgentClient> agent;
    std::vector<std::unique_ptr<soak::fault::ByteProxy>> proxies;
  };

  Node service(std::string name, std::vector<std::string> more);
  void launch(Node& node);
  void check_running(Node& node);
  soak::Task<std::vector<std::string>> probe(AgentClient& agent, std::string when);
  Node& node(std::string_view name);
  soak::Task<> await_ready(std::string url);
  soak::Task<> await_works(Node& node, std::uint64_t syncs_before);
  soak::Task<> play(Node& node, const Fault& fault);
  soak::Task<ServiceAnswer> must(soak::Task<ServiceAnswer> call, std::string what);
  soak::Task<> equip_agents();
  soak::fault::BytePlan link_plan(const std::string& edge, const std::string& service) const;
  std::uint64_t syncs(const Node& node) const;

  soak::EventLoop& loop_;
  ClusterOptions options_;
  std::optional<FakeChat> chat_;
  Node directory_;
  Node archive_;
  std::vector<Node> edges_;
  std::vector<Fault> faults_;
  soak::Instant load_began_{};
  std::uint64_t kills_ = 0;
  std::uint64_t revoked_ = 0;
  std::unique_ptr<AgentClient> last_revoked_;
  std::vector<std::string> unexpected_ends_;
  soak::net::HttpClient plain_;
  std::function<void(const std::string&, pid_t)> look_;
};

// The events of all edges, from the beginning.
Evidence read_evidence(const Cluster& cluster);

}  // namespace mesh

#endif  // MESH_HARNESS_CLUSTER_H_
