// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_SERVE_H_
#define MESH_SERVE_H_

// A service as a process: prints where it listens, and serves until SIGTERM or SIGINT.

#include <string_view>

#include "mesh/flags.h"
#include "mesh/service.h"
#include "mesh/sqlite_storage.h"
#include "soak/event_loop.h"

namespace mesh {

ServiceOptions service_options(const Flags& flags);  // --host, --port
SqliteOptions storage_options(const Flags& flags);   // --db, --db-pages-max

// Call StopSignals::block() before the loop is built. Prints "directory listening http://127.0.0.1:40121", and at the
// end "directory stopped". Returns the exit status.
int serve(soak::EventLoop& loop, Service& service, std::string_view name);

}  // namespace mesh

#endif  // MESH_SERVE_H_
