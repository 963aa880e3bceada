#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# check.sh PREFIX SOURCE SCRATCH: builds consumers against the copy that is unpacked at PREFIX, and runs the tests of one
# through CTest in each way that soak_discover_tests() promises. Then builds it with soak as a subdirectory. It names no
# build type, as most who try a library, and since nothing here needs an optimizer.
set -uo pipefail
prefix=$1
source=$2
consumer=$source/tests/package/consumer
scratch=$3

# shellcheck source=expect.sh
. "$source/tests/package/expect.sh"
unset GTEST_RUNSOAK SOAK_VIRTUAL SOAK_SMOKE
use_ccache
rm -rf "$scratch"
mkdir -p "$scratch"

must 'configure' 0 cmake -S "$consumer" -B "$scratch/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix"
must 'build' 0 cmake --build "$scratch/build" -j 2

# The services that people copy.
must 'configure examples/pusher' 0 cmake -S "$source/examples/pusher" -B "$scratch/pusher" -G Ninja \
  -DCMAKE_PREFIX_PATH="$prefix"
must 'build' 0 cmake --build "$scratch/pusher" -j 2
expect 'its command line' 2 "$scratch/pusher/pusher"
says 'its usage' 'usage: pusher STORES_URL'
must 'configure examples/mesh' 0 cmake -S "$source/examples/mesh" -B "$scratch/mesh" -G Ninja \
  -DCMAKE_PREFIX_PATH="$prefix"
must 'build' 0 cmake --build "$scratch/mesh" -j 2
expect 'its command line' 2 "$scratch/mesh/mesh"
says 'its usage' 'mesh directory --db FILE'

# The flag and the verdict alone, as somebody who has GoogleTest and fmt, and nothing else that soak can use.
must 'configure with COMPONENTS gating' 0 env PKG_CONFIG_LIBDIR="$scratch" cmake -S "$source/tests/package/gating" \
  -B "$scratch/gating" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" \
  -DCMAKE_DISABLE_FIND_PACKAGE_CURL=ON -DCMAKE_DISABLE_FIND_PACKAGE_OpenSSL=ON \
  -DCMAKE_DISABLE_FIND_PACKAGE_prometheus-cpp=ON -DCMAKE_DISABLE_FIND_PACKAGE_Boost=ON \
  -DCMAKE_DISABLE_FIND_PACKAGE_Eigen3=ON -DCMAKE_DISABLE_FIND_PACKAGE_RapidJSON=ON
must 'build' 0 cmake --build "$scratch/gating" -j 2
expect 'a leak fails' 1 "$scratch/gating/leak_soak" --gtest_runsoak --soak_report_dir="$scratch/report"
says 'the finding' 'heap grew .* per cycle, allowed 16\.0 KiB'
says 'the test' '\[  FAILED  \] Soak/Records\.Leak'
expect 'a heap profile without the component' 2 "$scratch/gating/leak_soak" --gtest_runsoak --soak_heap_profile
says 'the component' 'soak::heap_profile'
expect 'soak::gating links GoogleTest and fmt' 0 ldd "$scratch/gating/leak_soak"
if [[ $(grep -oE '^\s*lib[^ ]+' <<<"$output" | grep -cvE 'lib(c|m|gcc_s|stdc\+\+|fmt|gtest|gtest_main|asan|ubsan|tsan)\.so') -gt 0 ]]; then
  echo "FAIL: leak_soak links more than GoogleTest, fmt and the compiler's own:"
  echo "$output"
  failures=$((failures + 1))
fi

# A plain Makefile, with pkg-config.
PKG_CONFIG_PATH=$(dirname "$(find "$prefix/lib" -name soak-gating.pc)")
export PKG_CONFIG_PATH
cp -r "$source/tests/package/pkg_config" "$scratch/pkg_config"
compiler=("${CXX:-g++}" -std=c++20)
if [[ -n ${CXXFLAGS:-} ]]; then
  compiler+=("$CXXFLAGS")
fi
must 'make with pkg-config' 0 make -C "$scratch/pkg_config" CXX="${CXX:-g++}" CXXFLAGS="${CXXFLAGS:-}"
expect 'run' 0 "$scratch/pkg_config/cache_test" --soak_smoke
says 'the soak' '\[       OK \] Soak/Cache\.SurvivesChurn'

# Each component's file has all that its library needs: the whole of it is linked into an empty program.
echo 'int main() {}' >"$scratch/empty.cc"
modules=$(find "$PKG_CONFIG_PATH" -name 'soak*.pc' -printf '%f\n' | sed 's/\.pc$//' | sort)
expect 'every pkg-config file is complete' 0 pkg-config --print-errors --exists $modules
for module in $modules; do
  archive=$(dirname "$PKG_CONFIG_PATH")/lib${module//-/_}.a
  if [[ -f $archive ]]; then
    expect "link $module" 0 "${compiler[@]}" "$scratch/empty.cc" -o "$scratch/empty" \
      -Wl,--whole-archive "$archive" -Wl,--no-whole-archive $(pkg-config --libs "$module")
  fi
done

# Each public header, as part of somebody's strict build. GoogleTest's are those of the system.
(cd "$prefix/include" && find soak -name '*.h' | sort | sed 's/.*/#include <&>/') >"$scratch/every_header.cc"
expect 'every header under strict warnings' 0 "${compiler[@]}" -fsyntax-only -Wall -Wextra -Wpedantic -Wshadow -Wconversion \
  -Wsign-conversion -Wold-style-cast -Wnon-virtual-dtor -Woverloaded-virtual -Werror $(pkg-config --cflags soak soak-main) \
  "$scratch/every_header.cc"

# A GoogleTest of its own.
must 'configure with its own GoogleTest' 0 cmake -S "$source/tests/package/own_googletest" -B "$scratch/own_googletest" \
  -G Ninja -DCMAKE_PREFIX_PATH="$prefix" -DGOOGLETEST=/usr/src/googletest
if grep -oE '[^ ]*/usr/[^ ]*/libg(test|mock)[^ ]*\.a' "$scratch/own_googletest/build.ninja"; then
  echo "FAIL: soak links the system's GoogleTest beside the consumer's own"
  failures=$((failures + 1))
fi
must 'build' 0 cmake --build "$scratch/own_googletest" -j 2
expect 'its leak fails' 1 "$scratch/own_googletest/leak_soak" --gtest_runsoak --soak_report_dir="$scratch/report"
says 'the finding' 'heap grew .* per cycle, allowed 16\.0 KiB'
expect 'with soak::main' 0 "$scratch/own_googletest/cache_test" --soak_smoke
says 'the soak' '\[       OK \] Soak/Cache\.SurvivesChurn'

# ask ASK ARGUMENT...: what find_package(soak ASK) says, with `environment` of its own.
environment=()
ask() {
  local asked=$1
  shift
  rm -rf "$scratch/components"
  env "${environment[@]}" cmake -S "$source/tests/package/components" -B "$scratch/components" -G Ninja \
    -DCMAKE_PREFIX_PATH="$prefix" -DASK="$asked" "$@"
}

expect 'without COMPONENTS' 0 ask ''
says 'everything' 'soak_FOUND=1'
says 'everything' 'has soak::soak'
says 'everything' 'has soak::main'

expect 'COMPONENTS brings what is included' 0 ask 'COMPONENTS;voice'
says 'found' 'soak_FOUND=1'
says 'the clients' 'has soak::net_client'
not 'and nothing else' 'has soak::(gating|heap_profile|drive|soak)'

no_curl=-DCMAKE_DISABLE_FIND_PACKAGE_CURL=ON
expect 'a missing dependency' 0 ask 'COMPONENTS;gating;net_client' $no_curl
says 'not found' 'soak_FOUND=0'
says 'the reason' 'net_client: not found: .*CURL 7\.87 \(Debian.s libcurl4-openssl-dev\)'
says 'the others' 'soak_gating_FOUND=TRUE'
says 'the others' 'has soak::gating'
not 'this one' 'has soak::net_client'

environment=(PKG_CONFIG_LIBDIR="$scratch")
expect 'the same of pkg-config' 0 ask 'COMPONENTS;drive'
says 'the reason' 'drive: not found: .*libuv \(Debian.s libuv1-dev\)'
expect 'a heap profile without libdw' 0 ask 'COMPONENTS;heap_profile'
says 'the reason' 'heap_profile: not found: libdw \(Debian.s libdw-dev\)'
expect 'and the rest' 0 ask 'COMPONENTS;gating'
says 'found' 'soak_FOUND=1'
environment=()

expect 'REQUIRED and missing' 1 ask 'REQUIRED;COMPONENTS;net_client' $no_curl
says 'is CMake'"'"'s own error, with the reason' 'net_client: not found:'
expect 'without COMPONENTS all are asked for' 1 ask 'REQUIRED' $no_curl
says 'the reason' 'soak: not found: .*CURL 7\.87'
says 'the way out' 'name the components that you use'

expect 'OPTIONAL_COMPONENTS' 0 ask 'REQUIRED;COMPONENTS;gating;OPTIONAL_COMPONENTS;net_client;main' $no_curl
says 'found all the same' 'soak_FOUND=1'
says 'said of each' 'soak_net_client_FOUND=FALSE'
says 'said of each' 'soak_main_FOUND=TRUE'
says 'an optional one that is there' 'has soak::main'

expect 'an unknown component' 0 ask 'COMPONENTS;gating;nonsense'
says 'not found' 'soak_FOUND=0'
says 'is named, with those there are' 'nonsense: soak has no such component; it has async, audio, '

expect 'soak::gating alone links no event loop, no network and no metrics library' 0 ldd "$scratch/build/cache_test"
if grep -qE 'libuv|libwebsockets|libcurl|libprometheus' <<<"$output"; then
  echo "FAIL: cache_test links libuv, libwebsockets, libcurl or libprometheus-cpp"
  failures=$((failures + 1))
fi

ctest() { command ctest --test-dir "$scratch/build" "$@"; }

expect 'plain ctest: unit, virtual and smoke run, the real ones are Skipped' 0 ctest
says 'unit' 'Cache\.Puts .*Passed'
says 'matchers' 'Drain\.EndsClean .*Passed'
says 'real' 'Soak/Cache\.SurvivesChurn .*Skipped'
says 'smoke' 'Soak/Cache\.SurvivesChurn/smoke .*Passed'
says 'virtual without an AsyncRun' 'Soak/Cache\.SurvivesChurn/virtual .*Skipped'
says 'virtual' 'Soak/Voice\.OpenAiRealtime/virtual .*Passed'
says 'guard' 'soak\.guard\..* Passed'
says 'a parameterised one' 'Soak/Cache/Sized\.SurvivesChurn/1 .*Skipped'
says 'its virtual form' 'Soak/Cache/Sized\.SurvivesChurn/0/virtual .*Skipped'
says 'its smoke form' 'Soak/Cache/Sized\.SurvivesChurn/1/smoke .*Passed'
if grep -q 'DISABLED_' <<<"$output"; then
  echo 'FAIL: CTest has a disabled suite'
  failures=$((failures + 1))
fi

expect 'ctest -L soak, not enabled: fails and says what to type' 8 ctest -L soak --output-on-failure
says 'words' 'GTEST_RUNSOAK=1 ctest -L soak'
says 'guard' 'soak\.guard\..*Failed'

expect 'ctest -L soak, enabled by the variable: runs' 0 env GTEST_RUNSOAK=1 ctest --test-dir "$scratch/build" -L soak
says 'real' 'Soak/Cache\.SurvivesChurn .*Passed'
says 'real' 'Soak/Voice\.OpenAiRealtime .*Passed'
says 'real' 'Soak/Cache/Sized\.SurvivesChurn/0 .*Passed'

says 'with its own main' 'Soak/Database\.SurvivesChurn .*Passed'
expect 'ctest -L soak, with another environment that skips: fails' 8 \
  env GTEST_RUNSOAK=1 CONSUMER_DATABASE=missing ctest --test-dir "$scratch/build" -R 'Database\.SurvivesChurn$' \
  --output-on-failure
says 'words' '1 soak test was due in real mode \(GTEST_RUNSOAK\), and 0 started'
expect 'ctest with another environment that fails: fails' 8 \
  env GTEST_RUNSOAK=1 CONSUMER_DATABASE=broken ctest --test-dir "$scratch/build" -R 'Database\.SurvivesChurn' \
  --output-on-failure
says 'real' 'Soak/Database\.SurvivesChurn .*Failed'
says 'virtual' 'Soak/Database\.SurvivesChurn/virtual .*Failed'
says 'smoke' 'Soak/Database\.SurvivesChurn/smoke .*Failed'
says 'words' '1 soak test was due in real mode \(GTEST_RUNSOAK\), and 0 started'
expect 'the same where no soak is asked for' 8 \
  env CONSUMER_DATABASE=broken ctest --test-dir "$scratch/build" -R 'Database\.SurvivesChurn$'
says 'real' 'Soak/Database\.SurvivesChurn .*Failed'

expect 'the other modes are not disturbed by the variable' 0 env GTEST_RUNSOAK=1 ctest --test-dir "$scratch/build" -R smoke
says 'smoke' 'Soak/Voice\.OpenAiRealtime/smoke .*Passed'
expect 'nor the real ones by the other modes' 0 env SOAK_SMOKE=1 ctest --test-dir "$scratch/build" -R 'SurvivesChurn$'
says 'real' 'Soak/Cache\.SurvivesChurn .*Skipped'

expect 'a duration that does not fit the TIMEOUT fails at once' 8 \
  env GTEST_RUNSOAK=1 SOAK_DURATION_MIN=600 ctest --test-dir "$scratch/build" -R 'SurvivesChurn$' --output-on-failure
says 'words' 'a duration of 10h00m does not fit'

must 'configure with discovery when CTest starts' 0 cmake -S "$consumer" -B "$scratch/build" \
  -DCMAKE_GTEST_DISCOVER_TESTS_DISCOVERY_MODE=PRE_TEST
must 'build' 0 cmake --build "$scratch/build" -j 2
rm "$scratch/build/cache_test_soaks.cmake"
expect 'ctest lists the soaks' 0 ctest -R '^Soak/Cache'
says 'real' 'Soak/Cache\.SurvivesChurn .*Skipped'
says 'smoke' 'Soak/Cache/Sized\.SurvivesChurn/1/smoke .*Passed'
must 'configure with discovery after the build' 0 cmake -S "$consumer" -B "$scratch/build" \
  -DCMAKE_GTEST_DISCOVER_TESTS_DISCOVERY_MODE=POST_BUILD

rm "$scratch"/build/{cache,own_main,drain,voice}_test  # So that the build lists their tests again.
expect 'a bad variable fails no build and no listing' 0 env SOAK_DURATION_MIN=abc GTEST_RUNSOAK=1 SOAK_SMOKE=1 \
  cmake --build "$scratch/build" -j 2

must 'configure with -DSOAK_RUN=ON' 0 cmake -S "$consumer" -B "$scratch/build" -DSOAK_RUN=ON
must 'build' 0 cmake --build "$scratch/build" -j 2
expect 'ctest -L soak in a tree with SOAK_RUN: runs' 0 ctest -L soak
says 'real' 'Soak/Cache\.SurvivesChurn .*Passed'

must 'configure with soak as a subdirectory' 0 cmake -S "$consumer" -B "$scratch/subdirectory" -G Ninja \
  -DSOAK_SOURCE="$source"
if grep -qE -- '-Werror' "$scratch/subdirectory/build.ninja"; then
  echo "FAIL: soak makes warnings errors in a project that adds it"
  failures=$((failures + 1))
fi
must 'build' 0 cmake --build "$scratch/subdirectory" -j 2 --target cache_test own_main_test
expect 'run' 0 "$scratch/subdirectory/cache_test" --soak_smoke
expect 'its soaks are known to CTest' 0 ctest --test-dir "$scratch/subdirectory" -R '^Soak/Cache[.].*/smoke$' --no-tests=error

must 'configure with FetchContent' 0 cmake -S "$source/tests/package/fetch_content" -B "$scratch/fetch_content" -G Ninja \
  -DSOAK_SOURCE="$source"
must 'build' 0 cmake --build "$scratch/fetch_content" -j 2 --target cache_test
expect 'its soaks run' 0 ctest --test-dir "$scratch/fetch_content" -R '^Soak/Cache[.].*/smoke$' --no-tests=error

exit $((failures > 0))
