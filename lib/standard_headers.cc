// SPDX-License-Identifier: Apache-2.0
// A precompiled header needs a source file that is compiled with it.
