#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# roots.sh [bookworm|trixie]...: builds the Debian packages in a root of that release made by debootstrap, and installs them in
# clean ones, as somebody does who has never seen this tree. Run it as root: it takes a quarter of an hour for each
# release, and a network. `make test-packages` installs debootstrap and runs it; so does the nightly workflow.
#
# ROOTS (default: /var/tmp/soak-roots) keeps the roots and the compiler's cache; a second run is faster.
set -euo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
roots=${ROOTS:-/var/tmp/soak-roots}
mirror=${MIRROR:-http://deb.debian.org/debian}

if [[ $EUID -ne 0 ]]; then
  echo "roots.sh makes roots and mounts /proc in them: run it as root" >&2
  exit 2
fi
if [[ -z ${SOAK_ROOTS_UNSHARED:-} ]]; then
  # Mounts of this namespace end with it, however the script ends.
  exec env SOAK_ROOTS_UNSHARED=1 unshare --mount --propagation private "$0" "$@"
fi

step() { printf '%(%H:%M:%S)T %s\n' -1 "$*"; }

# inside ROOT COMMAND...: as root, without this machine's environment.
inside() {
  local root=$1
  shift
  chroot "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"
}

# as ROOT COMMAND: as a new user in his home folder.
as() { inside "$1" su --login ada --command "$2"; }

# pristine SUITE ROOT: a root with nothing but what debootstrap installs.
pristine() {
  local suite=$1 root=$2 tar=$roots/$1/pristine.tar
  if [[ ! -f $tar ]]; then
    step "$suite: debootstrap"
    rm -rf "$roots/$suite/pristine"
    debootstrap --variant=minbase "$suite" "$roots/$suite/pristine" "$mirror" >"$roots/$suite/debootstrap.log"
    tar --create --file "$tar.new" --directory "$roots/$suite/pristine" --one-file-system .
    rm -rf "$roots/$suite/pristine"
    mv "$tar.new" "$tar"
  fi
  rm -rf "$root"
  mkdir -p "$root"
  tar --extract --file "$tar" --directory "$root"
}

# A root's own /proc and /dev, and this machine's names.
mount_in() {
  mount -t proc proc "$1/proc"
  mount --bind /dev "$1/dev"
  cp /etc/resolv.conf /etc/hosts "$1/etc/"
}

build() {
  local suite=$1 root=$roots/$1/build
  pristine "$suite" "$root"
  mkdir -p "$root/src" "$roots/$suite/ccache" "$root/root/.cache/ccache"
  git -C "$source" archive HEAD | tar --extract --directory "$root/src"
  mount_in "$root"
  mount --bind "$roots/$suite/ccache" "$root/root/.cache/ccache"
  step "$suite: make packages"
  inside "$root" apt-get update -qq
  inside "$root" apt-get install -qq -y --no-install-recommends make >/dev/null 2>&1
  if ! inside "$root" env CCACHE_BASEDIR=/src CCACHE_NOHASHDIR=1 make -C /src packages JOBS="${JOBS:-$(nproc)}" >"$roots/$suite/build.log" 2>&1; then
    tail -40 "$roots/$suite/build.log" >&2
    exit 1
  fi
  rm -rf "$roots/$suite/packages"
  cp -r "$root/src/build/packages" "$roots/$suite/packages"
  umount "$root/root/.cache/ccache" "$root/dev" "$root/proc"
  ls -l "$roots/$suite/packages"
}

command_alone() {
  local suite=$1 root=$roots/$1/command
  pristine "$suite" "$root"
  mount_in "$root"
  step "$suite: install soak"
  cp "$roots/$suite"/packages/soak_*.deb "$root/tmp/"
  inside "$root" apt-get update -qq
  inside "$root" bash -c 'apt-get install -qq -y --no-install-recommends /tmp/soak_*.deb' >"$roots/$suite/install.log" 2>&1
  inside "$root" useradd --create-home ada
  if inside "$root" dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' | grep -E '^installed .*-dev$'; then
    echo "$suite: soak brought a -dev package" >&2
    exit 1
  fi
  step "$suite: soak voice --virtual, soak voice"
  as "$root" 'soak voice --provider openai --virtual --duration 60s --report-dir virtual' | tee "$roots/$suite/virtual.log" | grep ' PASS: '
  as "$root" 'soak voice --provider openai --duration 10s --reconnect-every 2s' | tee "$roots/$suite/real.log" | grep ' PASS: '
  inside "$root" test -s /usr/share/man/man1/soak.1.gz
  inside "$root" apt-get purge -qq -y soak >/dev/null 2>&1
  if inside "$root" bash -c 'ls -d /usr/bin/soak /usr/share/doc/soak' 2>/dev/null; then
    echo "$suite: soak left these behind" >&2
    exit 1
  fi
  umount "$root/dev" "$root/proc"
}

# What a team does first: install, build a soak test with CMake and with make, run it.
library() {
  local suite=$1 root=$roots/$1/library
  pristine "$suite" "$root"
  mount_in "$root"
  step "$suite: install libsoak-dev"
  cp "$roots/$suite"/packages/*.deb "$root/tmp/"
  inside "$root" apt-get update -qq
  inside "$root" bash -c 'apt-get install -qq -y --no-install-recommends g++ cmake make pkg-config python3 /tmp/*.deb' >"$roots/$suite/install-dev.log" 2>&1
  inside "$root" useradd --create-home ada
  cp -r "$source/tests/package/pkg_config" "$source/tests/package/gating" "$root/home/ada/"
  inside "$root" chown -R ada: /home/ada
  step "$suite: build with make and pkg-config, and with CMake"
  as "$root" 'make -C pkg_config && pkg_config/cache_test --soak_smoke' | grep '\[  PASSED  \]'
  as "$root" 'cmake -S gating -B build >/dev/null && cmake --build build'
  if as "$root" 'build/leak_soak --gtest_runsoak' >"$roots/$suite/leak.log"; then
    echo "$suite: the planted leak was not found" >&2
    exit 1
  fi
  grep 'heap grew' "$roots/$suite/leak.log"
  umount "$root/dev" "$root/proc"
}

if [[ $# -eq 0 ]]; then
  set -- bookworm trixie
fi
for suite in "$@"; do
  case $suite in
    bookworm | trixie) ;;
    *)
      echo "roots.sh: '$suite': expected bookworm or trixie" >&2
      exit 2
      ;;
  esac
done
for suite in "$@"; do
  mkdir -p "$roots/$suite"
  build "$suite"
  command_alone "$suite"
  library "$suite"
  step "$suite: ok"
done
