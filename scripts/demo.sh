#!/usr/bin/env bash
# The whole journey on throw-away servers of this machine: scripts/demo.sh [--out DIR] [--target tuwunel|synapse]
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
exec cargo run --quiet -- demo "$@"
