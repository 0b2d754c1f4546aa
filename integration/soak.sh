#!/usr/bin/env bash
# The long tests: every fuzz target, one after the other, and then the fault
# campaigns of the end-to-end tests in full. docs/soak.md says what they are.
#
#   integration/soak.sh                  ten minutes for each target, all campaigns
#   integration/soak.sh 30s              or as long as is said
#   integration/soak.sh 0                only the campaigns
#   integration/soak.sh 10m none         only the fuzz targets
#   integration/soak.sh 0 TestKilled     only campaigns whose names match
#
# JRUN_SEED=N repeats what chance decided in a campaign; without it a seed is
# made up and printed. What fuzzing finds is kept by `go test` below the
# package's testdata/fuzz and fails the ordinary tests from then on.
set -euo pipefail
cd "$(dirname "$0")/.."

duration=${1:-10m}
chosen=${2:-}
campaigns=${2:-'^Test(KilledPulls|FullStores|FailingStore|BrokenRegistry|Resume|UnreliableRegistry|ChaosOfPulls|ChaosOfSandboxes|ChaosOfLaunchers|ChaosOnNodes|NodesAgree|Killed|PowerCut|Replay)$'}
tags=containers_image_openpgp,exclude_graphdriver_btrfs,netgo,osusergo

fuzz_all() {
  local found=0 package target
  while read -r package; do
    while read -r target; do
      found=$((found + 1))
      printf 'soak: %s %s for %s\n' "$package" "$target" "$duration" >&2
      # Making what is found smaller can take longer than finding it.
      go test -tags "$tags" -run '^$' -fuzz "^${target}\$" -fuzztime "$duration" -fuzzminimizetime 1x "$package"
    done < <(go test -tags "$tags" -list '^Fuzz' "$package" | grep '^Fuzz' || true)
  done < <(go list -tags "$tags" -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./... | grep .)
  if ((found == 0)); then
    echo "soak: there is no fuzz target" >&2
    return 1
  fi
}

# people_and_images runs the campaigns of image/lifecycle: simulated people, years and
# registries, each within one process or its children. The number multiplies an ordinary run.
people_and_images() {
  local package times tests
  while read -r package times tests; do
    if [[ -n $chosen ]]; then
      tests=$chosen
    fi
    printf 'soak: image/lifecycle/%s, %s times an ordinary run\n' "$package" "$times" >&2
    JRUN_SOAK=$times go test -tags "$tags" -count 1 -v -timeout 3h -run "$tests" "./image/lifecycle/$package"
  done <<'LIST'
leaving     17   ^(TestLeavers|TestOneKill)$
retention   20   ^TestFiveYears$
service     10   ^(TestStorm|TestReadyBeforeTheJob)$
mirror      50   ^TestKilledAtEachStep$
desired     50   ^(TestInterrupted|TestAnyState)$
onboarding  1    ^TestKilledAtEveryRequest$
bundle      50   ^(TestKilled|TestDieAtEveryStep)$
vmlease     200  ^TestNothingExpiresUnwarned$
audit       1    ^(TestManyProcesses|TestKilled|TestPowerCut|TestFullDisk)$
LIST
}

if [[ $duration != 0 ]]; then
  fuzz_all
fi
if [[ $campaigns != none ]]; then
  # Ten thousand simulated worlds of users, nodes and a registry.
  JRUN_SOAK=1 go test -tags "$tags" -count 1 -v -timeout 3h -run "${campaigns/'^Test('/'^Test(NoStaleRun|'}" ./image/store
  people_and_images
  make build
  JRUN_SOAK=1 go test -tags "$tags,e2e" -count 1 -p 1 -v -timeout 3h -run "$campaigns" ./integration ./integration/builder
fi
