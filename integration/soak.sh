#!/usr/bin/env bash
# Fuzzes every parser, one after the other.
#
#   integration/soak.sh          ten minutes each
#   integration/soak.sh 30s      or as long as is said
#
# What it finds is kept by `go test` below the package's testdata/fuzz and
# fails the ordinary tests from then on.
set -euo pipefail
cd "$(dirname "$0")/.."

duration=${1:-10m}
tags=containers_image_openpgp,exclude_graphdriver_btrfs,containers_image_docker_daemon_stub,netgo,osusergo

found=0
while read -r package; do
  while read -r target; do
    found=$((found + 1))
    printf 'soak: %s %s for %s\n' "$package" "$target" "$duration" >&2
    go test -tags "$tags" -run '^$' -fuzz "^${target}\$" -fuzztime "$duration" "$package"
  done < <(go test -tags "$tags" -list '^Fuzz' "$package" | grep '^Fuzz' || true)
done < <(go list -tags "$tags" -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./... | grep .)

if ((found == 0)); then
  echo "soak: there is no fuzz target" >&2
  exit 1
fi
