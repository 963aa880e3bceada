// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_ERROR_H_
#define SOAK_ERROR_H_

// What soak throws, all of it.
//
// Error is the outside world failing, a call that came too late, or an argument that cannot be: of every module, with
// an Errc to tell them apart. Its message names the subject, what happened, what is allowed and since when. Cancelled
// is no failure: it is how a task unwinds when it is asked to stop. A broken contract (a group left undrained, a nested
// run) throws nothing, it aborts.

#include <exception>
#include <stdexcept>
#include <string>

namespace soak {

enum class Errc {
  kDraining = 1,      // The group is being drained, or was: it takes no new task.
  kStuck,             // Every task waits for something that nothing can bring about.
  kTimeout,           // The time allowed ran out.
  kConnectFailed,     // No connection: the name did not resolve, nobody listens, TLS failed.
  kHandshakeRefused,  // The peer answered the handshake with a refusal, such as 401 or 429.
  kConnectionClosed,  // The connection was there, and is gone.
  kProtocol,          // The peer sent what its protocol does not allow.
  kAuthentication,    // The peer does not accept the credentials.
  kRejected,          // The peer understood a request, and declined it.
  kInvalidArgument,   // The caller asked for what cannot be: an option out of its range, a file that is no report.
  kCertificate,       // The server's certificate is refused: trying again would not help.
  kSystem,            // The operating system refused: no such file or process, out of descriptors, out of memory.
  kCircuitOpen,       // A CircuitBreaker did not let the call through: the calls before it failed.
};

class Error : public std::runtime_error {
 public:
  // Its message is `what` without the secrets that this process was given.
  Error(Errc code, const std::string& what);

  Errc code() const noexcept { return code_; }

 private:
  Errc code_;
};

// Thrown out of the co_await at which a cancelled task was waiting. Not a std::exception, so that a
// `catch (const std::exception&)` around a request does not swallow the shutdown with it. If you
// catch it, clean up and rethrow it.
class Cancelled final {};

namespace detail {

// The text of an exception of whatever type; that of Cancelled is "cancelled".
std::string what_of(const std::exception_ptr& failure);

}  // namespace detail

}  // namespace soak

#endif  // SOAK_ERROR_H_
