// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_METRICS_ENDPOINT_SCRAPE_H_
#define SOAK_LIB_METRICS_ENDPOINT_SCRAPE_H_

// The HTTP of the endpoint: what a request head asks for, and the response to it.

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace soak::metrics {

inline constexpr std::size_t kHeadBytesMax = 8192;

// Where the head of a request ends; npos while it is incomplete.
std::size_t end_of_head(std::string_view received);

// Whether a request may name this host: "localhost", "127.0.0.1", "[::1]", "build-7.example.com", without the port and
// in lower case.
using KnowsHost = std::function<bool(std::string_view host)>;

// True for localhost and the addresses of the loopback interface.
bool is_loopback_host(std::string_view host);

// The whole response; the connection ends after it. `exposition` makes the text of the metrics.
std::string respond(std::string_view head, const KnowsHost& knows, const std::function<std::string()>& exposition);

// To a head that is longer than kHeadBytesMax.
std::string respond_too_long();

}  // namespace soak::metrics

#endif  // SOAK_LIB_METRICS_ENDPOINT_SCRAPE_H_
