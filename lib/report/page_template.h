// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_REPORT_PAGE_TEMPLATE_H_
#define SOAK_LIB_REPORT_PAGE_TEMPLATE_H_

#include <string_view>

namespace soak::report {

// page/page.html with its style and scripts in it, made by embed_page.cmake. Left open are {{title}}, {{summary}} and
// {{report}}, in this order.
extern const std::string_view kPageTemplate;

}  // namespace soak::report

#endif  // SOAK_LIB_REPORT_PAGE_TEMPLATE_H_
