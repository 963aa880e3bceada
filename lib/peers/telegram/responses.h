// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_TELEGRAM_RESPONSES_H_
#define SOAK_LIB_PEERS_TELEGRAM_RESPONSES_H_

// How the Bot API writes its responses.

#include <string>
#include <string_view>

#include "soak/net/http.h"

namespace soak::peers {

// {"ok":true,"result":..}; `result` is JSON.
net::HttpResponse telegram_ok(std::string_view result);

// {"ok":false,"error_code":..,"description":..}, with that status. `parameters` is JSON, and is left out if it is
// empty.
net::HttpResponse telegram_error(int code, std::string_view description, std::string_view parameters = {});

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_TELEGRAM_RESPONSES_H_
