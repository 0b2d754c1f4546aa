// Package integration proves jrun end to end: the binary that users get, run
// as an ordinary user, against a registry that others wrote, on images made of
// a distribution's packages.
//
// The tests carry the build tag e2e and run with `make e2e`, or, after
// `integration/setup.sh test` and `make build`:
//
//	go test -tags e2e ./integration
//
// As root they run jrun as the user jrun-test, and some then change the machine
// for a moment: a small tmpfs, an address, huge pages. As an ordinary user jrun
// runs as that user, and those tests say that they are skipped. They run one
// after the other, because each ends by looking for what jrun left behind.
//
// # The harness
//
//   - lab_test.go: what all tests share: the registry, its images, the users.
//
//   - session_test.go: one test's view: a store, a directory, and a way to run
//     jrun and ask about the result.
//
//   - clean_test.go: what must not remain.
//
//   - meddler_test.go: a proxy before the registry that counts, delays,
//     tampers and refuses.
//
//   - node_test.go: nodes, which are namespaces of this machine, that share a
//     directory; network_test.go: two that share a wire.
//
//   - campaign_test.go: seeds, and what the fault campaigns share: they run in
//     short slices here and in full with `make soak` (docs/soak.md).
//
// # The proof
//
// Every other file is one subject of the promise: what runs, what a process
// inside is, what it sees, what an error says, and what is left.
package integration
