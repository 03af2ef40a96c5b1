#!/usr/bin/env bash
# All checks and all tests: scripts/test.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" tests

step() { printf '\n== %s\n' "$*"; }

# What `cargo clippy --all-targets -- -D warnings` does, but in the build that the tests need anyway: Clippy is the
# compiler of our own crate. On a bare machine that saves a check of all dependencies.
linted() {
  RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS=-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__ "$@"
}

# A build that nobody goes on from or steps through needs neither.
[ -z "${CI:-}" ] || export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0

step format
cargo fmt --check

step "lints, while everything is built"
linted cargo build --all-targets --locked

step "licences, bans and sources of the dependencies"
# Advisories need the network's database: run `cargo deny check advisories` by hand.
command -v cargo-deny >/dev/null || cargo install --quiet --locked cargo-deny
cargo deny --log-level error check bans licenses sources

step "which servers the tests run on"
tuwunel=${TUWUNEL_BIN:-$(command -v tuwunel || true)}
cache=${FERRYMAN_LAB_CACHE:-$HOME/.cache/ferryman-lab}
[ -n "$tuwunel" ] || tuwunel=$cache/tuwunel
echo "source:   Synapse from PyPI"
echo "stand-in: a second Synapse"
if [ -x "$tuwunel" ]; then
  echo "target:   $("$tuwunel" --version)"
else
  echo "SKIPPED:  every test on Tuwunel: no binary (set TUWUNEL_BIN to one of its releases)"
fi
for proxy in nginx haproxy caddy traefik; do
  if [ -x "/usr/sbin/$proxy" ] || [ -x "$cache/proxies/bin/$proxy" ] || command -v "$proxy" >/dev/null; then
    echo "proxy:    $proxy"
  else
    echo "SKIPPED:  what only $proxy can show: it is not there"
  fi
done

step tests
# Three at a time: each starts servers of its own, and waits for them half of the time.
linted cargo test --locked -- --test-threads 3
