// SPDX-License-Identifier: Apache-2.0
// Something to load that is no allocator.

extern "C" int soak_sample_any_library() { return 0; }
