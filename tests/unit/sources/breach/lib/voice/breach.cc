// SPDX-License-Identifier: Apache-2.0
// Breaks each rule once, for the tests of the rules. Never compiled.
#include <chrono>

#include "soak/peers/openai_realtime_peer.h"

auto now() { return std::chrono::steady_clock::now(); }
