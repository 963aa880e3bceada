// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_PRECOMPILED_H_
#define SOAK_TESTS_UNIT_PRECOMPILED_H_

// The headers that nearly every unit test includes, parsed once for all of them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/gather.h"
#include "soak/queue.h"
#include "soak/run.h"
#include "soak/session.h"
#include "soak/supervise.h"
#include "soak/task.h"

#endif  // SOAK_TESTS_UNIT_PRECOMPILED_H_
