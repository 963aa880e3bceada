// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_ARCHIVE_ARCHIVE_SERVICE_H_
#define MESH_ARCHIVE_ARCHIVE_SERVICE_H_

// The routes of the Archive: signed ones for agents, and pages for whoever looks at them.

#include <cstdint>
#include <string_view>

#include "mesh/answer.h"
#include "mesh/archive/archive.h"
#include "mesh/authenticator.h"
#include "mesh/router.h"
#include "mesh/storage.h"
#include "soak/event_loop.h"
#include "soak/metrics/metrics.h"
#include "soak/net/http.h"
#include "soak/task.h"

namespace mesh {

class ArchiveService {
 public:
  // All of them outlive it. `routes` gets the Archive's.
  ArchiveService(soak::EventLoop& loop, Storage& storage, Authenticator& authenticator, Router& routes);

 private:
  using Reply = soak::Task<soak::net::HttpReply>;

  Reply ingest(Call call);
  Reply query(Call call);
  Reply create(Call call);
  Reply workspaces(Call call);
  Reply workspace(Call call);
  Reply add_item(Call call);
  Reply items(Call call);
  Reply item(Call call);
  Reply change(Call call);
  Reply review(Call call);
  Reply promote(Call call);
  Reply publish(Call call);
  Reply review_publication(Call call);
  Reply commons(Call call);
  Reply home_page(Call call);
  Reply workspaces_page(Call call);
  Reply workspace_page(Call call);
  Reply commons_page(Call call);

  void add(Router& routes, std::string_view method, std::string_view path, Reply (ArchiveService::*handler)(Call));
  std::int64_t now_ms() const;

  soak::EventLoop& loop_;
  Storage& storage_;
  Authenticator& authenticator_;
  soak::metrics::Counter writes_;
  soak::metrics::Counter repeated_;
  soak::metrics::Counter queries_;
};

}  // namespace mesh

#endif  // MESH_ARCHIVE_ARCHIVE_SERVICE_H_
