// SPDX-License-Identifier: Apache-2.0
// mesh relay: the Relay in a process of its own.

#include "mesh/authenticator.h"
#include "mesh/commands.h"
#include "mesh/flags.h"
#include "mesh/relay/relay_service.h"
#include "mesh/remote_registry.h"
#include "mesh/serve.h"
#include "mesh/service.h"
#include "mesh/sqlite_storage.h"
#include "mesh/stop_signals.h"
#include "soak/event_loop.h"

namespace mesh {

int relay_command(const std::vector<std::string>& arguments) {
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
  const RelayService relay(loop, storage, registry, authenticator, service.routes());
  return serve(loop, service, "relay");
}

}  // namespace mesh
