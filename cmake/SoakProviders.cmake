# SPDX-License-Identifier: Apache-2.0
# The providers. Each has a folder of its name in lib/peers and tests/unit/peers; one of voice also in lib/voice and
# tests/unit/voice. Its client and its fake meet in a row of a table in tools/providers. docs/extending.md adds one.
set(SOAK_VOICE_PROVIDERS gemini openai)
set(SOAK_CHANNEL_PROVIDERS discord slack telegram)
