// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_STOP_SIGNALS_H_
#define MESH_STOP_SIGNALS_H_

// SIGTERM and SIGINT as a call on the loop.
//
//   StopSignals::block();   // Before any other thread is started: all inherit the mask.
//   soak::UvLoop loop;
//   const StopSignals signals(loop, [&] { service.stop(); });

#include <functional>
#include <thread>

#include "soak/event_loop.h"

namespace mesh {

class StopSignals {
 public:
  static void block();

  // Calls `stop` at the first of them. `loop` outlives it.
  StopSignals(soak::EventLoop& loop, std::function<void()> stop);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

 private:
  std::thread thread_;
};

}  // namespace mesh

#endif  // MESH_STOP_SIGNALS_H_
