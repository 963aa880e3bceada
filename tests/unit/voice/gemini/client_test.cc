// SPDX-License-Identifier: Apache-2.0
// The client against a scripted server.

#include "soak/voice/gemini_live.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "soak/error.h"
#include "soak/net/websocket.h"
#include "soak/task.h"
#include "tests/unit/voice/gemini/fixture.h"

namespace soak::voice {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST_F(GeminiLiveClientTest, ConnectsWithItsKeyInAHeaderAndSaysWhatItWants) {
  run({saying({kComplete})}, [](GeminiLiveClient& client) -> Task<> {
    co_await client.connect();
    EXPECT_EQ(client.counters().sessions, 1u);
    co_await client.close();
  });

  ASSERT_EQ(connections_.size(), 1u);
  EXPECT_EQ(connections_[0]->request.headers.get("x-goog-api-key"), kKey);
  EXPECT_EQ(connections_[0]->request.query, "");  // Where it would get into logs.
  EXPECT_THAT(connections_[0]->received,
              ElementsAre(R"({"setup":{"model":"models/gemini-2.5-flash-native-audio-preview-09-2025",)"
                          R"("generationConfig":{"responseModalities":["AUDIO"]},)"
                          R"("systemInstruction":{"parts":[{"text":"Answer briefly."}]},)"
                          R"("realtimeInputConfig":{"automaticActivityDetection":{"disabled":true},)"
                          R"("activityHandling":"NO_INTERRUPTION"},"sessionResumption":{},)"
                          R"("contextWindowCompression":{"slidingWindow":{}}}})"));
  ASSERT_TRUE(connections_[0]->closed);
  EXPECT_EQ(connections_[0]->closed->code, net::kCloseNormal);
}

TEST_F(GeminiLiveClientTest, AudioOfATurnStandsBetweenStartAndEndOfActivity) {
  run({saying({kComplete})}, [](GeminiLiveClient& client) -> Task<> {
    co_await client.connect();
    co_await client.end_turn();  // Nothing was said.
    co_await stream(client, 2);
    co_await client.end_turn();
    co_await client.end_turn();  // An answer is under way.
    co_await stream(client, 1);
    EXPECT_EQ(client.counters().frames_sent, 3u);
    co_await client.close();
  });

  const std::vector<std::string>& received = connections_[0]->received;
  ASSERT_EQ(received.size(), 7u);
  EXPECT_EQ(received[1], R"({"realtimeInput":{"activityStart":{}}})");
  EXPECT_EQ(received[2].substr(0, 78),
            R"({"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=16000","data":"AAAAAAAAA)");
  EXPECT_EQ(received[4], R"({"realtimeInput":{"activityEnd":{}}})");
  EXPECT_EQ(received[5], received[1]);
  EXPECT_EQ(received[6], received[2]);
}

TEST_F(GeminiLiveClientTest, CountsWhatComesInTextOrBinaryFramesAndWhatItDoesNotKnow) {
  run({[](Connection& connection) -> Task<> {
        co_await connection.hear();
        co_await connection.send_text(kComplete);
        co_await connection.send_binary(R"({"serverContent":{}})");
        co_await connection.send_binary(R"({"serverContent":{"modelTurn":{"parts":[{"text":"a","thought":true},)"
                                        R"({"inlineData":{"mimeType":"audio/pcm;rate=24000","data":"Zm9v"}},)"
                                        R"({"inlineData":{"mimeType":"audio/pcm","data":"Zm8="}}]}}})");
        co_await connection.send_text(R"({"serverContent":{"interrupted":true}})");
        co_await connection.send_binary(kTurnComplete);
        co_await connection.send_binary(R"({"toolCallCancellation":{"ids":["1"]}})");
        co_await connection.send_binary(R"({"newThing":{"surprise":[1,2]}})");
        for (const char* const invalid :
             {"not json", "[]", R"({"serverContent":7})", R"({"serverContent":{"turnComplete":"yes"}})",
              R"({"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm","data":"!!"}}]}}})",
              R"({"goAway":"soon"})", R"({"sessionResumptionUpdate":{"resumable":1}})"}) {
          co_await connection.send_binary(invalid);
        }
        std::string nested(1'000'000, '[');
        co_await connection.send_binary(std::move(nested));
      }},
      [](GeminiLiveClient& client) -> Task<> {
        co_await client.connect();
        co_await sleep_for(1s);
        EXPECT_EQ(client.counters().audio_bytes_received, 5u);
        EXPECT_EQ(client.counters().interruptions, 1u);
        EXPECT_EQ(client.counters().responses_done, 1u);
        EXPECT_EQ(client.counters().unknown_events, 1u);
        EXPECT_EQ(client.counters().invalid_events, 8u);
        EXPECT_EQ(client.counters().errors, 0u);
        co_await client.close();
      });
}

TEST_F(GeminiLiveClientTest, AudioOfAllPartsIsHandedOutAsItArrives) {
  std::string heard;
  options_.on_audio = [&heard](std::span<const std::byte> pcm) {
    for (const std::byte byte : pcm) {
      heard += static_cast<char>(byte);
    }
    heard += '|';
  };
  run({saying(
          {kComplete,
           R"({"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm;rate=24000",)"
           R"("data":"Zm9v"}},{"inlineData":{"mimeType":"image/png","data":"AAAA"}},)"
           R"({"inlineData":{"mimeType":"audio/pcm","data":"YmE="}}]}}})",
           R"({"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm","data":"cg=="}},)"
           R"({"inlineData":{"mimeType":"audio/pcm","data":"!!"}}]}}})",
           R"({"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm","data":"eg=="}}]}}})"})},
      [](GeminiLiveClient& client) -> Task<> {
        co_await client.connect();
        co_await sleep_for(1s);
        EXPECT_EQ(client.counters().audio_bytes_received, 6u);
        EXPECT_EQ(client.counters().invalid_events, 1u);
        co_await client.close();
      });

  EXPECT_EQ(heard, "fooba|z|");  // Of a message that is none, nothing.
}

TEST_F(GeminiLiveClientTest, ABadKeyIsPermanentInEachShape) {
  options_.backoff = BackoffOptions{};
  const Error by_close =
      connect_error(saying_then_closing({}, 0s, 1007, "API key not valid. Please pass a valid API key."));
  EXPECT_EQ(by_close.code(), Errc::kAuthentication);
  EXPECT_THAT(by_close.what(), HasSubstr("closed 1007 before setupComplete, 0.0 s after connect: API key not valid."));

  refusal_ = net::HandshakeReply::refuse(403, R"({"error":{"code":403}})");
  const Error by_status = connect_error(saying({}));
  EXPECT_EQ(by_status.code(), Errc::kAuthentication);
  EXPECT_THAT(by_status.what(), HasSubstr("does not accept the key: HTTP 403"));

  EXPECT_EQ(connections_.size(), 1u);  // No retry.
  for (const Error& error : {by_close, by_status}) {
    EXPECT_THAT(error.what(), Not(HasSubstr(kKey)));
  }
}

TEST_F(GeminiLiveClientTest, ARefusedModelAndARefusedSetupAreRejections) {
  const Error model = connect_error(saying_then_closing({}, 0s, 1008, "models/x is not found for API version v1beta"));
  const Error setup = connect_error(saying_then_closing({}, 0s, 1007, "Request contains an invalid argument."));

  EXPECT_EQ(model.code(), Errc::kRejected);
  EXPECT_THAT(model.what(), HasSubstr("models/x is not found"));
  EXPECT_EQ(setup.code(), Errc::kRejected);
}

TEST_F(GeminiLiveClientTest, AnotherCloseBeforeTheSessionNamesTheCodeAndTheTime) {
  const Error error = connect_error(saying_then_closing({}, 1200ms, 1011, "The service is currently unavailable."));

  EXPECT_EQ(error.code(), Errc::kConnectionClosed);
  EXPECT_THAT(error.what(),
              AllOf(HasSubstr("gemini_live: " + options_.url),
                    HasSubstr("closed 1011 before setupComplete, 1.2 s after connect: The service is currently")));
}

TEST_F(GeminiLiveClientTest, AKeyInTheUrlIsNotPrinted) {
  path_ += "?key=" + std::string(kKey);

  const Error error = connect_error(saying_then_closing({}, 0s, 1011, ""));

  EXPECT_EQ(connections_[0]->request.query_value("key"), kKey);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("/ws/live closed 1011"), Not(HasSubstr(kKey))));
}

TEST_F(GeminiLiveClientTest, ASessionThatNeverBeginsTimesOut) {
  const Error error = connect_error(saying({}));

  EXPECT_EQ(error.code(), Errc::kTimeout);
  EXPECT_THAT(error.what(), HasSubstr("sent no setupComplete within 5.0 s"));
}

TEST_F(GeminiLiveClientTest, AHandleThatIsNotKnownAnyMoreIsDroppedOnce) {
  options_.resumption_handle = "old";
  run({saying_then_closing({}, 0s, 1008, "BidiGenerateContent session not found"), saying({kComplete})},
      [](GeminiLiveClient& client) -> Task<> {
        co_await client.connect();
        EXPECT_EQ(client.counters().sessions, 1u);
        EXPECT_EQ(client.counters().sessions_resumed, 0u);
        EXPECT_EQ(client.resumption_handle(), "");
        co_await client.close();
      });

  ASSERT_EQ(connections_.size(), 2u);
  EXPECT_THAT(connections_[0]->received[0], HasSubstr(R"("sessionResumption":{"handle":"old"})"));
  EXPECT_THAT(connections_[1]->received[0], HasSubstr(R"("sessionResumption":{})"));
}

TEST_F(GeminiLiveClientTest, KeepsTheLastHandleThatCanBeResumed) {
  run({saying({kComplete, handle_update("h1"), handle_update("h2"),
               R"({"sessionResumptionUpdate":{"newHandle":"","resumable":false}})",
               R"({"sessionResumptionUpdate":{}})"})},
      [](GeminiLiveClient& client) -> Task<> {
        co_await client.connect();
        co_await sleep_for(1s);
        co_await client.close();
        EXPECT_EQ(client.resumption_handle(), "h2");
      });
}

TEST_F(GeminiLiveClientTest, RenewsAtOnceAfterAGoAwayWhenNoAnswerIsUnderWay) {
  run({saying({kComplete, handle_update("h1"), R"({"goAway":{"timeLeft":"50s"}})"}), saying({kComplete})},
      [](GeminiLiveClient& client) -> Task<> {
        co_await client.connect();
        const std::optional<Error> thrown = co_await stream(client, 50);
        EXPECT_FALSE(thrown);
        EXPECT_EQ(client.counters().frames_sent, 50u);
        EXPECT_EQ(client.counters().go_aways, 1u);
        EXPECT_EQ(client.counters().renewals, 1u);
        EXPECT_EQ(client.counters().recoveries, 0u);
        EXPECT_EQ(client.counters().sessions_resumed, 1u);
        co_await client.close();
      });

  ASSERT_EQ(connections_.size(), 2u);
  EXPECT_THAT(connections_[1]->received[0], HasSubstr(R"("sessionResumption":{"handle":"h1"})"));
  EXPECT_EQ(connections_[1]->received[1], R"({"realtimeInput":{"activityStart":{}}})");
  ASSERT_TRUE(connections_[0]->closed);  // By the client, and before the second was opened.
  EXPECT_EQ(connections_[0]->closed->code, net::kCloseNormal);
}

TEST_F(GeminiLiveClientTest, RenewsAfterTheAnswerThatIsUnderWay) {
  run({[](Connection& connection) -> Task<> {
         co_await connection.hear();
         co_await connection.send_binary(kComplete);
         co_await sleep_for(1s);
         co_await connection.send_binary(R"({"goAway":{"timeLeft":"50s"}})");
         co_await sleep_for(10s);
         co_await connection.send_binary(kTurnComplete);
       },
       saying({kComplete})},
      [](GeminiLiveClient& client) -> Task<> {
        co_await client.connect();
        co_await client.send_audio(kGeminiFrame);
        co_await client.end_turn();
        co_await sleep_for(30s);
        EXPECT_EQ(client.counters().responses_done, 1u);
        EXPECT_EQ(client.counters().turns_lost, 0u);
        co_await client.close();
      });

  ASSERT_EQ(connections_.size(), 2u);
  EXPECT_GE(connections_[1]->opened - connections_[0]->opened, 11s);
  EXPECT_LT(connections_[1]->opened - connections_[0]->opened, 12s);
}

TEST_F(GeminiLiveClientTest, RenewsInTimeThoughTheProviderIsSilent) {
  run({saying({kComplete, R"({"goAway":{"timeLeft":"50s"}})"}), saying({kComplete})},
      [](GeminiLiveClient& client) -> Task<> {
        co_await client.connect();
        co_await client.send_audio(kGeminiFrame);
        co_await client.end_turn();  // Never answered.
        co_await sleep_for(60s);
        EXPECT_EQ(client.counters().turns_lost, 1u);
        EXPECT_EQ(client.counters().renewals, 1u);
        co_await client.close();
      });

  ASSERT_EQ(connections_.size(), 2u);
  EXPECT_GE(connections_[1]->opened - connections_[0]->opened, 45s);  // Five seconds before the end.
  EXPECT_LT(connections_[1]->opened - connections_[0]->opened, 46s);
}

TEST_F(GeminiLiveClientTest, GoAwayThatDoesNotSayWhenIsTakenForNow) {
  for (const char* const go_away : {R"({"goAway":{}})", R"({"goAway":{"timeLeft":"0s"}})",
                                    R"({"goAway":{"timeLeft":"soon"}})", R"({"goAway":{"timeLeft":"-5s"}})"}) {
    connections_.clear();
    run({saying({kComplete, go_away}), saying({kComplete})}, [](GeminiLiveClient& client) -> Task<> {
      co_await client.connect();
      co_await client.send_audio(kGeminiFrame);
      co_await client.end_turn();  // Never answered.
      co_await sleep_for(10s);
      EXPECT_EQ(client.counters().renewals, 1u);
      co_await client.close();
    });
    EXPECT_EQ(connections_.size(), 2u) << go_away;
  }
}

TEST_F(GeminiLiveClientTest, ProviderThatSendsEachConnectionAwayIsNotHammered) {
  run({saying({kComplete, R"({"goAway":{"timeLeft":"1s"}})"})}, [](GeminiLiveClient& client) -> Task<> {
    co_await client.connect();
    co_await sleep_for(10min);
    std::string what;
    try {
      co_await client.send_audio(kGeminiFrame);
    } catch (const Error& error) {
      what = error.what();
    }
    EXPECT_THAT(what, HasSubstr("as soon as it is open; gave up after 8 attempts"));
    co_await client.close();
  });

  EXPECT_EQ(connections_.size(), 9u);
}

TEST_F(GeminiLiveClientTest, ALostConnectionIsThrownWithoutBackoff) {
  run({saying_then_closing({kComplete}, 1s, 1011, "Internal error occurred")}, [](GeminiLiveClient& client) -> Task<> {
    co_await client.connect();
    const std::optional<Error> thrown = co_await stream(client, 50);
    EXPECT_TRUE(thrown);
    if (!thrown) {
      co_return;
    }
    EXPECT_EQ(thrown->code(), Errc::kConnectionClosed);
    EXPECT_THAT(thrown->what(), HasSubstr("closed 1011 in a session, 1.0 s after connect: Internal error occurred"));
    EXPECT_EQ(client.counters().errors, 1u);
    EXPECT_EQ(client.last_error(), "1011 Internal error occurred");
  });

  EXPECT_EQ(connections_.size(), 1u);
}

TEST_F(GeminiLiveClientTest, ALostConnectionIsResumedWithBackoff) {
  options_.backoff = BackoffOptions{.initial = 1s, .max = 10s};
  run({saying_then_closing({kComplete, handle_update("h1")}, 1s, 1011, "Internal error occurred"), saying({kComplete})},
      [](GeminiLiveClient& client) -> Task<> {
        co_await client.connect();
        const std::optional<Error> thrown = co_await stream(client, 100);
        EXPECT_FALSE(thrown);
        EXPECT_EQ(client.counters().frames_sent, 100u);
        EXPECT_EQ(client.counters().recoveries, 1u);
        EXPECT_EQ(client.counters().renewals, 0u);
        EXPECT_EQ(client.counters().sessions_resumed, 1u);
        co_await client.close();
      });

  ASSERT_EQ(connections_.size(), 2u);
  EXPECT_GE(connections_[1]->opened - connections_[0]->opened, 1100ms);
  EXPECT_LE(connections_[1]->opened - connections_[0]->opened, 2100ms);
  EXPECT_THAT(connections_[1]->received[0], HasSubstr(R"("handle":"h1")"));
}

TEST_F(GeminiLiveClientTest, BackoffGrowsThoughEachConnectionIsAcceptedAndEndsAtItsBound) {
  options_.backoff = BackoffOptions{.initial = 1s, .max = 60s};
  options_.attempts_max = 5;
  run({saying_then_closing({kComplete}, 100ms, 1011, "Internal error occurred")},
      [](GeminiLiveClient& client) -> Task<> {
        co_await client.connect();
        const std::optional<Error> thrown = co_await stream(client, 5000);
        EXPECT_TRUE(thrown);
        if (thrown) {
          EXPECT_THAT(thrown->what(), HasSubstr("gave up after 5 attempts"));
        }
      });

  ASSERT_EQ(connections_.size(), 6u);
  for (std::size_t i = 1; i < connections_.size(); ++i) {
    const auto ceiling = std::chrono::seconds(1 << (i - 1));
    const auto pause = connections_[i]->opened - connections_[i - 1]->opened - 100ms;
    EXPECT_GE(pause, ceiling / 10) << i;
    EXPECT_LE(pause, ceiling + 100ms) << i;
  }
}

TEST_F(GeminiLiveClientTest, QuotaIsGivenTime) {
  options_.backoff = BackoffOptions{.initial = 1s, .max = 1s};
  run({saying_then_closing({kComplete}, 1s, 1011, "You exceeded your current quota."), saying({kComplete})},
      [](GeminiLiveClient& client) -> Task<> {
        co_await client.connect();
        co_await sleep_for(60s);
        EXPECT_EQ(client.counters().recoveries, 1u);
        co_await client.close();
      });

  ASSERT_EQ(connections_.size(), 2u);
  EXPECT_GE(connections_[1]->opened - connections_[0]->opened, 31s);
}

TEST_F(GeminiLiveClientTest, RevokedKeyIsNotTriedAgain) {
  options_.backoff = BackoffOptions{};
  run({saying_then_closing({kComplete}, 1s, 1008, "Your API key was reported as leaked.")},
      [](GeminiLiveClient& client) -> Task<> {
        co_await client.connect();
        const std::optional<Error> thrown = co_await stream(client, 50);
        EXPECT_TRUE(thrown);
        if (thrown) {
          EXPECT_EQ(thrown->code(), Errc::kAuthentication);
        }
        co_await sleep_for(1h);
      });

  EXPECT_EQ(connections_.size(), 1u);
}

TEST_F(GeminiLiveClientTest, BadPayloadIsGivenOneMoreConnection) {
  options_.backoff = BackoffOptions{.initial = 100ms, .max = 100ms};
  const Script poisoned = saying_then_closing({kComplete}, 1s, 1007, "Request contains an invalid argument.");
  run({poisoned}, [](GeminiLiveClient& client) -> Task<> {
    co_await client.connect();
    const std::optional<Error> thrown = co_await stream(client, 500);
    EXPECT_TRUE(thrown);
    if (thrown) {
      EXPECT_EQ(thrown->code(), Errc::kRejected);
    }
    EXPECT_EQ(client.counters().recoveries, 1u);
  });

  EXPECT_EQ(connections_.size(), 2u);
}

TEST_F(GeminiLiveClientTest, FrameAtHandOfABadPayloadIsDroppedAndCounted) {
  options_.backoff = BackoffOptions{.initial = 100ms, .max = 100ms};
  options_.ping_interval = 0s;  // For the pong would be missed first.
  // Nothing is read, so that a frame waits in the client when the close comes.
  const Script deaf = [](Connection& connection) -> Task<> {
    co_await connection.hear();
    co_await connection.send_binary(kComplete);
    co_await sleep_for(60s);
    co_await connection.close(1007, "Request contains an invalid argument.");
  };
  run({deaf, saying({kComplete})}, [](GeminiLiveClient& client) -> Task<> {
    co_await client.connect();
    const std::vector<std::byte> large(1 << 20);
    while (client.counters().recoveries == 0 && client.counters().sessions < 3) {
      co_await client.send_audio(large);
    }
    EXPECT_EQ(client.counters().frames_dropped, 1u);
    co_await client.close();
  });
}

TEST_F(GeminiLiveClientTest, CloseIsTheEndEvenWhileItRecovers) {
  options_.backoff = BackoffOptions{.initial = 1h, .max = 1h};
  run({saying_then_closing({kComplete}, 1s, 1011, "")}, [this](GeminiLiveClient& client) -> Task<> {
    co_await client.connect();
    co_await sleep_for(10s);
    const Instant before = loop_.now();
    co_await client.close();
    EXPECT_LT(loop_.now() - before, 1s);
    std::string what;
    try {
      co_await client.send_audio(kGeminiFrame);
    } catch (const Error& error) {
      what = error.what();
    }
    EXPECT_THAT(what, HasSubstr("close() was called"));
    co_await sleep_for(2h);
  });

  EXPECT_EQ(connections_.size(), 1u);  // No connection after an intentional close.
}

TEST_F(GeminiLiveClientTest, DestroyedItDropsTheConnectionAndLeavesNoTask) {
  std::size_t tasks_before = 0;
  run({saying({kComplete})}, [this, &tasks_before](GeminiLiveClient& client) -> Task<> {
    tasks_before = loop_.live_tasks();
    co_await client.connect();
    EXPECT_GT(loop_.live_tasks(), tasks_before);
  });

  ASSERT_TRUE(connections_[0]->closed);
  EXPECT_EQ(connections_[0]->closed->code, net::kCloseAbnormal);
}

TEST_F(GeminiLiveClientTest, SendingBeforeConnectIsAnError) {
  run({saying({})}, [](GeminiLiveClient& client) -> Task<> {
    std::string what;
    try {
      co_await client.send_audio(kGeminiFrame);
    } catch (const Error& error) {
      what = error.what();
    }
    EXPECT_THAT(what, HasSubstr("is not connected"));
    co_await client.close();  // Nothing to close: fine.
  });
}

}  // namespace
}  // namespace soak::voice
