// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_VOICE_PROVIDERS_H_
#define SOAK_TESTS_UNIT_VOICE_PROVIDERS_H_

// Both providers, for tests of what holds for either: a client and the fake it meets.

#include <gtest/gtest.h>

#include <string>
#include <type_traits>

#include "soak/peers/gemini_live_peer.h"
#include "soak/peers/openai_realtime_peer.h"
#include "soak/voice/gemini_live.h"
#include "soak/voice/openai_realtime.h"

namespace soak {

struct OpenAi {
  using Peer = peers::OpenAiRealtimePeer;
  using PeerOptions = peers::OpenAiRealtimePeerOptions;
  using Client = voice::OpenAiRealtimeClient;
  using Options = voice::OpenAiRealtimeOptions;
};
struct Gemini {
  using Peer = peers::GeminiLivePeer;
  using PeerOptions = peers::GeminiLivePeerOptions;
  using Client = voice::GeminiLiveClient;
  using Options = voice::GeminiLiveOptions;
};

using Providers = testing::Types<OpenAi, Gemini>;
struct ProviderNames {
  template <typename Provider>
  static std::string GetName(int) {
    return std::is_same_v<Provider, OpenAi> ? "OpenAi" : "Gemini";
  }
};

}  // namespace soak

#endif  // SOAK_TESTS_UNIT_VOICE_PROVIDERS_H_
