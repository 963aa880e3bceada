// SPDX-License-Identifier: Apache-2.0
// mesh directory: the Directory, with the Relay in the same process unless --no-relay.

#include <optional>
#include <utility>

#include "mesh/commands.h"
#include "mesh/directory/directory_service.h"
#include "mesh/flags.h"
#include "mesh/identity.h"
#include "mesh/relay/relay_service.h"
#include "mesh/serve.h"
#include "mesh/service.h"
#include "mesh/sqlite_storage.h"
#include "mesh/stop_signals.h"
#include "soak/event_loop.h"

namespace mesh {

int directory_command(const std::vector<std::string>& arguments) {
  const Flags flags(
      arguments,
      {"--db", "--db-pages-max", "--key", "--host", "--port", "--registration-token-file", "--admin-token-file"},
      {"--no-relay"});
  if (!flags.positional().empty()) {
    throw UsageError("unexpected argument " + flags.positional().front());
  }
  const SqliteOptions database = storage_options(flags);
  const ServiceOptions listening = service_options(flags);
  const auto token_in = [&](const char* flag) {
    const std::string file = flags.text(flag);
    return file.empty() ? std::string() : read_secret_file(file);
  };
  DirectoryOptions options;
  options.registration_token = token_in("--registration-token-file");
  options.admin_token = token_in("--admin-token-file");
  const PrivateKey key = PrivateKey::load_or_create(flags.text("--key", database.path + ".key"));
  StopSignals::block();
  soak::UvLoop loop;
  SqliteStorage storage(loop, database);
  Service service(loop, listening);
  DirectoryService directory(loop, storage, key, std::move(options), service.routes());
  std::optional<RelayService> relay;
  if (!flags.on("--no-relay")) {
    relay.emplace(loop, storage, directory.registry(), directory.authenticator(), service.routes());
  }
  return serve(loop, service, "directory");
}

}  // namespace mesh
