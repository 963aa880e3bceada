#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# packages.sh BUILD SOURCE SCRATCH: makes the Debian packages of the build, checks what they need and contain, and unpacks both
# into SCRATCH/root, where check.sh takes them from. roots.sh installs them.
set -uo pipefail
build=$1
source=$2
scratch=$3

rm -rf "$scratch"
mkdir -p "$scratch"
failures=0

fail() {
  echo "FAIL: $*"
  failures=$((failures + 1))
}

# equal NAME EXPECTED GOT
equal() {
  if [[ $2 != "$3" ]]; then
    fail "$1"
    diff <(echo "$2") <(echo "$3") | sed 's/^</expected/; s/^>/     got/'
  fi
}

if ! output=$(cpack --config "$build/CPackConfig.cmake" -B "$scratch/packages" -D CPACK_DEBIAN_COMPRESSION_TYPE=gzip 2>&1); then
  echo "FAIL: cpack:"
  echo "$output"
  exit 1
fi
rm -rf "$scratch/packages/_CPack_Packages"
soak=$(echo "$scratch"/packages/soak_*.deb)
dev=$(echo "$scratch"/packages/libsoak-dev_*.deb)
equal 'two packages' 'libsoak-dev
soak' "$(for package in "$scratch"/packages/*; do dpkg-deb --field "$package" Package; done)"

# packages_in FIELD: their names, without versions.
packages_in() { sed -E 's/ *\([^)]*\)//g; s/[,|] */\n/g' <<<"$1" | sort -u; }

for package in "$soak" "$dev"; do
  name=$(dpkg-deb --field "$package" Package)
  equal "$name: Maintainer" 'soak developers <soak@packages.invalid>' "$(dpkg-deb --field "$package" Maintainer)"
  equal "$name: Architecture" "$(dpkg --print-architecture)" "$(dpkg-deb --field "$package" Architecture)"
  equal "$name: Homepage" '' "$(dpkg-deb --field "$package" Homepage)"
  [[ $(dpkg-deb --field "$package" Version) =~ ^[0-9]+\.[0-9]+\.[0-9]+-1(~deb[0-9]+)?$ ]] ||
    fail "$name: Version is $(dpkg-deb --field "$package" Version)"
  synopsis=$(dpkg-deb --field "$package" Description | head -1)
  [[ -n $synopsis && ${#synopsis} -le 80 && ! $synopsis =~ \.$ ]] || fail "$name: its synopsis is '$synopsis'"
  equal "$name: files of others than root" '' "$(dpkg-deb --contents "$package" | awk '$2 != "root/root"')"
  equal "$name: files outside /usr" '' "$(dpkg-deb --contents "$package" | awk '{print $6}' | grep -vE '^\./(usr/.*)?$')"
  equal "$name: what belongs to an installation by hand" '' "$(dpkg-deb --contents "$package" | grep -E 'usr/local|/build/')"
  equal "$name: writable by others than root" '' "$(dpkg-deb --contents "$package" | grep -E '^.{5}w|^.{8}w')"
  dpkg-deb --extract "$package" "$scratch/root"
done
equal 'soak: Section' devel "$(dpkg-deb --field "$soak" Section)"
equal 'libsoak-dev: Section' libdevel "$(dpkg-deb --field "$dev" Section)"

files() { dpkg-deb --contents "$1" | awk '!/^d/ {print $6}' | sed 's/^\.//' | sort; }
equal 'soak: its files' '/usr/bin/soak
/usr/share/doc/soak/changelog.Debian.gz
/usr/share/doc/soak/copyright
/usr/share/man/man1/soak.1.gz' "$(files "$soak")"

depends=$(packages_in "$(dpkg-deb --field "$soak" Depends)")
grep -qx libwebsockets-evlib-uv <<<"$depends" || fail 'soak does not depend on the plugin that libwebsockets loads'
for library in libc6 libcurl4 libfmt libprometheus-cpp-core libsndfile1 libssl3 libuv1 libwebsockets; do
  grep -qE "^$library" <<<"$depends" || fail "soak does not depend on $library"
done
equal 'soak: needed from a -dev package' '' "$(grep -E -- '-dev$' <<<"$depends")"

depends=$(packages_in "$(dpkg-deb --field "$dev" Depends)")
equal 'libsoak-dev: Depends' 'libc6-dev
libcurl4-openssl-dev
libdw-dev
libfmt-dev
libgmock-dev
libgtest-dev
libsamplerate0-dev
libsndfile1-dev
libssl-dev
libuv1-dev
libwebsockets-dev
libwebsockets-evlib-uv
prometheus-cpp-dev' "$depends"

prefix=$scratch/root/usr
equal 'libsoak-dev: the public headers' "$(cd "$source/include" && find soak -name '*.h' | sort)" \
  "$(cd "$prefix/include" && find . -name '*.h' | sed 's/^..//' | sort)"
libdir=$(dirname "$(find "$prefix/lib" -type d -name pkgconfig)")
components=$(find "$libdir/cmake/soak" -name 'soak-*.cmake' | sed -nE 's/.*soak-([a-z_]+)\.cmake/\1/p' | sort)
grep -qx gating <<<"$components" || fail "libsoak-dev has no soak-gating.cmake; it has $components"
equal 'a pkg-config file for each component' "$components" \
  "$(cd "$libdir/pkgconfig" && find . -name '*.pc' | sed 's/^..//; s/\.pc$//; s/^soak-//' | sort)"
for archive in "$libdir"/*.a; do
  if readelf --sections --wide "$archive" | grep -q '\.debug_info'; then
    fail "libsoak-dev: $(basename "$archive") has debug information"
  fi
done

page=$(gzip --decompress --stdout "$prefix/share/man/man1/soak.1.gz")
for command in $("$prefix/bin/soak" --help | sed -nE '/^subcommands:/I,$ s/^  ([a-z]+) .*/\1/p'); do
  grep -q "^.SH ${command^^}\$" <<<"$page" || fail "the manual page does not describe soak $command"
done
grep -qx '.SH VOICE' <<<"$page" || fail 'the manual page does not describe soak voice'

echo "$failures failures"
exit $((failures > 0))
