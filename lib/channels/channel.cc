// SPDX-License-Identifier: Apache-2.0
#include "soak/channels/channel.h"

#include <utility>

#include "lib/channels/sender.h"
#include "soak/detail/enum_names.h"

namespace soak::channels {

namespace {

constexpr detail::EnumNames<DeliveryOutcome> kOutcomeNames({{DeliveryOutcome::kDelivered, "delivered"},
                                                            {DeliveryOutcome::kFailed, "failed"},
                                                            {DeliveryOutcome::kUncertain, "uncertain"}});

}  // namespace

std::string_view to_string(DeliveryOutcome outcome) { return kOutcomeNames[outcome]; }

PacedChannel::PacedChannel(std::unique_ptr<Sender> sender) : sender_(std::move(sender)) {}

PacedChannel::~PacedChannel() = default;

std::string_view PacedChannel::provider() const { return sender_->service().name(); }

Task<Delivery> PacedChannel::send(std::string conversation, std::string text) {
  return sender_->send(std::move(conversation), std::move(text));
}

void PacedChannel::check_conversation(std::string_view conversation) const {
  sender_->check_conversation(conversation);
}

const ChannelCounters& PacedChannel::counters() const { return sender_->counters(); }

void PacedChannel::set_credential(std::string credential) { sender_->set_credential(std::move(credential)); }

}  // namespace soak::channels
