// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_CONNECT_ERRORS_H_
#define SOAK_LIB_NET_CONNECT_ERRORS_H_

#include <chrono>
#include <string_view>

#include "lib/net/url.h"
#include "soak/error.h"
#include "soak/net/websocket.h"

namespace soak::net {

// "ws://127.0.0.1:40121/v1/realtime: connection refused, 0.0 s after connect"
[[noreturn]] void throw_connect_failed(const Url& url, std::string_view cause, std::chrono::nanoseconds after,
                                       Errc code = Errc::kConnectFailed);
[[noreturn]] void throw_connect_timeout(const Url& url, const ConnectOptions& options);

}  // namespace soak::net

#endif  // SOAK_LIB_NET_CONNECT_ERRORS_H_
