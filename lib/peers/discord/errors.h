// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_DISCORD_ERRORS_H_
#define SOAK_LIB_PEERS_DISCORD_ERRORS_H_

// How Discord's API writes its responses.

#include <string_view>

#include "soak/net/http.h"

namespace soak::peers {

// {"message":..,"code":..,"errors":..}; `errors` is JSON, and is left out if it is empty.
net::HttpResponse discord_error(int status, int code, std::string_view message, std::string_view errors = {});

// Error 50035, which names `field`, such as "embeds.0.title", and what is wrong with it.
net::HttpResponse invalid_form(std::string_view field, std::string_view code, std::string_view message);

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_DISCORD_ERRORS_H_
