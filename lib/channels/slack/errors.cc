// SPDX-License-Identifier: Apache-2.0
#include "lib/channels/slack/errors.h"

#include <algorithm>
#include <array>

namespace soak::channels {
namespace {

constexpr std::array kCredential{std::string_view("access_denied"),
                                 std::string_view("account_inactive"),
                                 std::string_view("app_access_restricted"),
                                 std::string_view("ekm_access_denied"),
                                 std::string_view("invalid_auth"),
                                 std::string_view("missing_scope"),
                                 std::string_view("no_permission"),
                                 std::string_view("not_allowed_token_type"),
                                 std::string_view("not_authed"),
                                 std::string_view("org_login_required"),
                                 std::string_view("token_expired"),
                                 std::string_view("token_revoked"),
                                 std::string_view("two_factor_setup_required")};

constexpr std::array kChannel{std::string_view("cannot_reply_to_message"),
                              std::string_view("channel_not_found"),
                              std::string_view("is_archived"),
                              std::string_view("messages_tab_disabled"),
                              std::string_view("not_in_channel"),
                              std::string_view("restricted_action"),
                              std::string_view("restricted_action_non_threadable_channel"),
                              std::string_view("restricted_action_read_only_channel"),
                              std::string_view("restricted_action_thread_locked"),
                              std::string_view("restricted_action_thread_only_channel")};

constexpr std::array kWait{std::string_view("message_limit_exceeded"), std::string_view("rate_limited"),
                           std::string_view("ratelimited")};

// "some aspect of the operation may have succeeded".
constexpr std::array kUnknown{std::string_view("fatal_error"), std::string_view("internal_error"),
                              std::string_view("request_timeout"), std::string_view("service_unavailable"),
                              std::string_view("team_added_to_org")};

template <typename Names>
bool among(const Names& names, std::string_view error) {
  return std::find(names.begin(), names.end(), error) != names.end();
}

}  // namespace

Meaning slack_meaning(std::string_view error) {
  if (among(kCredential, error)) {
    return Meaning::kCredentialRefused;
  }
  if (among(kChannel, error)) {
    return Meaning::kConversationGone;
  }
  if (among(kWait, error)) {
    return Meaning::kWait;
  }
  if (among(kUnknown, error)) {
    return Meaning::kUnknown;
  }
  return Meaning::kRejected;
}

}  // namespace soak::channels
