// SPDX-License-Identifier: Apache-2.0
#include "lib/net/connect_errors.h"

#include <string>

#include "lib/text/format.h"
#include "soak/error.h"

namespace soak::net {

void throw_connect_failed(const Url& url, std::string_view cause, std::chrono::nanoseconds after, Errc code) {
  throw Error(code, url.display() + ": " + std::string(cause) + ", " + text::format_seconds(after) + " after connect");
}

void throw_connect_timeout(const Url& url, const ConnectOptions& options) {
  throw Error(Errc::kTimeout, url.display() + ": no handshake within the connect timeout of " +
                                  text::format_seconds(options.connect_timeout));
}

}  // namespace soak::net
