// SPDX-License-Identifier: Apache-2.0
#include "soak/error.h"

#include "soak/detail/secrets.h"

namespace soak {

Error::Error(Errc code, const std::string& what) : std::runtime_error(text::without_secrets(what)), code_(code) {}

namespace detail {

std::string what_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    return error.what();
  } catch (const Cancelled&) {
    return "cancelled";
  } catch (...) {
    return "an exception that is not a std::exception";
  }
}

}  // namespace detail
}  // namespace soak
