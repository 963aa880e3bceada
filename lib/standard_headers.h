// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_STANDARD_HEADERS_H_
#define SOAK_LIB_STANDARD_HEADERS_H_

// The standard headers that most sources below lib/ include, and fmt, as one precompiled header.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cmath>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#endif  // SOAK_LIB_STANDARD_HEADERS_H_
