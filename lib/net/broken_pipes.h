// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_BROKEN_PIPES_H_
#define SOAK_LIB_NET_BROKEN_PIPES_H_

namespace soak::net {

// OpenSSL and libuv write to a connection that is gone as to a pipe, which would end the process. So SIGPIPE is ignored
// from now on, unless the program handles it.
void ignore_broken_pipes();

}  // namespace soak::net

#endif  // SOAK_LIB_NET_BROKEN_PIPES_H_
