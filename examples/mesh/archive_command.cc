// SPDX-License-Identifier: Apache-2.0
// mesh archive: the Archive.

#include "mesh/archive/archive_service.h"
#include "mesh/authenticator.h"
#include "mesh/commands.h"
#include "mesh/flags.h"
#include "mesh/remote_registry.h"
#include "mesh/serve.h"
#include "mesh/service.h"
#include "mesh/sqlite_storage.h"
#include "mesh/stop_signals.h"
#include "soak/event_loop.h"

namespace mesh {

int archive_command(const std::vector<std::string>& arguments) {
  const Flags flags(arguments, {"--db", "--db-pages-max", "--directory", "--host", "--port"});
  if (!flags.positional().empty()) {
    throw UsageError("unexpected argument " + flags.positional().front());
  }
  const SqliteOptions database = storage_options(flags);
  const ServiceOptions listening = service_options(flags);
  const std::string directory = flags.required("--directory");
  StopSignals::block();
  soak::UvLoop loop;
  SqliteStorage storage(loop, database);
  RemoteRegistry registry(loop, directory);
  Authenticator authenticator(loop, storage, registry);
  Service service(loop, listening);
  const ArchiveService archive(loop, storage, authenticator, service.routes());
  return serve(loop, service, "archive");
}

}  // namespace mesh
