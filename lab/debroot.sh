#!/usr/bin/env bash
# debroot.sh SUITE DEST PKG...
#
# Unpacks packages of a Debian suite, with everything they depend on, into the folder DEST and makes each program in it
# start by itself from there. Nothing is installed: the machine's own package state is neither read nor changed, and no
# root is needed. Does nothing when DEST already holds what is asked for. DEST must not be moved afterwards: interpreter
# and library paths in it are absolute.
#
# Needs: apt-get, dpkg-deb, flock, the Debian archive keyring.
# DEB_MIRROR, DEB_SECURITY_MIRROR: archives to use instead of those in the machine's apt configuration.
set -euo pipefail
umask 022                                   # as root: the servers run as another user and must read this
suite=$1 dest=$(realpath -m "$2"); shift 2
want="$suite $*"
present() { [ "$(cat "$dest/.done" 2>/dev/null)" = "$want" ]; }
say() { echo "$*" >&2; }

present && exit 0
mkdir -p "$(dirname "$dest")"
exec 9>"$dest.lock"
flock 9                                     # two test binaries may ask for the same server at once
present && exit 0

case $(dpkg --print-architecture) in
  amd64) triple=x86_64-linux-gnu loader=lib64/ld-linux-x86-64.so.2 ;;
  arm64) triple=aarch64-linux-gnu loader=lib/ld-linux-aarch64.so.1 ;;   # never tried
  *) say "no Debian servers are known for $(dpkg --print-architecture)"; exit 1 ;;
esac

archive() { # LABEL RELEASE: the address of an archive in the machine's own apt configuration
  local found
  found=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' "Label: $1")
  # Before the first apt-get update no label is known, and targets are listed only without release information.
  [ -n "$found" ] || found=$(apt-get indextargets -o APT::Get::IndexTargets::ReleaseInfo=false --format '$(SITE)' \
    'Created-By: Packages' 'Component: main' "Release: $2")
  grep -v '^cdrom:' <<<"$found" | head -1 || true
}
code=$(. /etc/os-release; echo "${VERSION_CODENAME:-}")
mirror=${DEB_MIRROR:-$(archive Debian "$code")}
security=${DEB_SECURITY_MIRROR:-$(archive Debian-Security "$code-security")}
[ -n "$mirror" ] || { say "no Debian archive in the apt configuration; set DEB_MIRROR"; exit 1; }

state=$(mktemp -d) watcher=
trap '[ -z "$watcher" ] || kill "$watcher" 2>/dev/null; rm -rf "$state"' EXIT
rm -rf "$dest"
mkdir -p "$dest" "$state"/{lists/partial,cache/archives/partial,etc/preferences.d,etc/apt.conf.d,etc/sources.list.d}
: >"$state/status"                          # nothing counts as installed, so libc is unpacked too
key='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
{
  echo "deb $key $mirror $suite main"
  case $suite in trixie | sid) echo "deb $key $mirror bookworm main" ;; esac   # for patchelf, see below
  case $suite in sid) ;; *) [ -z "$security" ] || echo "deb $key $security $suite-security main" ;; esac
} >"$state/etc/sources.list"

# The Release file of sid expires after a week, so an archive copy that lags would be refused without Check-Valid-Until.
options=(-qq
  -o Dir::Etc="$state/etc" -o Dir::Etc::SourceList="$state/etc/sources.list" -o Dir::Etc::SourceParts="$state/etc/sources.list.d"
  -o Dir::State="$state" -o Dir::State::Lists="$state/lists" -o Dir::State::status="$state/status"
  -o Dir::Cache="$state/cache" -o Dir::Log="$state"
  -o Debug::NoLocking=1 -o APT::Sandbox::User="$(id -un)" -o Acquire::Check-Valid-Until=false
  -o Acquire::Languages=none -o APT::Install-Recommends=0)
get() { apt-get "${options[@]}" "$@" 2> >(grep -v "^rm: cannot remove '/var/cache/apt" >&2); }  # a container's clean-up hook

say "reading the package lists of $suite"
get update
read -r count total < <(get install -y --print-uris "$@" libstdc++6 | awk '$2 ~ /[.]deb$/ { n++; b += $3 } END { print n + 0, int(b / 1000000) + 1 }')
say "downloading $count packages, $total MB"
megabytes() { du -cm "$state"/cache/archives | tail -1 | cut -f1; }
# The nap holds neither the caller's pipe nor the lock, which would outlive this script in it.
while sleep 3 >/dev/null 2>&1 9>&-; do
  was=${is:-1} is=$(megabytes)
  [ "$is" = "$was" ] || say "downloaded $is of $total MB"
done &
watcher=$!
get install -y --download-only "$@" libstdc++6 >/dev/null
kill "$watcher"; watcher=
# patchelf 0.18 (trixie, sid) breaks some programs; 0.14 of bookworm does not.
case $suite in trixie | sid) patchelf=patchelf/bookworm ;; *) patchelf=patchelf ;; esac
(cd "$state/cache/archives" && get download "$patchelf" >/dev/null)

debs=("$state"/cache/archives/*.deb) n=0
for deb in "${debs[@]}"; do
  [ $((n++ % 25)) -ne 0 ] || say "unpacking ${#debs[@]} packages: $((n * 100 / ${#debs[@]})) %"
  dpkg-deb -x "$deb" "$dest"
done
for link in lib lib64 bin sbin; do
  [ -e "$dest/$link" ] || { [ -d "$dest/usr/$link" ] && ln -s "usr/$link" "$dest/$link"; } || true
done

loader=$dest/$loader
case "$(readlink "$loader" || true)" in /*) loader=$dest$(readlink "$loader") ;; esac   # old suites link absolutely
libs=$dest/usr/lib/$triple:$dest/lib/$triple
edit() { "$loader" --library-path "$libs" "$dest/usr/bin/patchelf" "$@"; }
while read -r program; do
  case $program in */patchelf) continue ;; esac
  edit --print-interpreter "$program" >/dev/null 2>&1 || continue      # a script, or linked statically
  old=$(edit --print-rpath "$program" | tr ':' '\n' | sed -n "s#^/#$dest/#p" | paste -sd:)
  # RPATH, not RUNPATH: it must also hold for libraries of libraries and for modules loaded later.
  edit --set-interpreter "$loader" --force-rpath --set-rpath "${old:+$old:}$libs" "$program"
done < <(find "$dest"/usr/lib/postgresql/*/bin "$dest"/usr/lib/gcc/*/* "$dest"/usr/{bin,sbin} -maxdepth 1 -type f -perm -u+x 2>/dev/null)
# A library with a RUNPATH of its own (libLLVM) hides the program's RPATH from what it needs: it would take the machine's
# libraries, which are absent or of another age. Without one it inherits.
while read -r library; do
  [ -z "$(edit --print-rpath "$library" 2>/dev/null)" ] || edit --remove-rpath "$library"
done < <(find "$dest/usr/lib/$triple" "$dest"/usr/lib/postgresql/*/lib -maxdepth 1 -type f -name '*.so*' 2>/dev/null)

rm -rf "$dest"/usr/share/{doc,man,locale,info,lintian,bug}
chmod 755 "$dest"
echo "$want" >"$dest/.done"                 # written last: a cut fetch starts over
say "ready in $dest ($(du -sm "$dest" | cut -f1) MB)"
