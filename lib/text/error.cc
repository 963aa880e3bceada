// SPDX-License-Identifier: Apache-2.0
#include "soak/error.h"

namespace soak::detail {

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

}  // namespace soak::detail
