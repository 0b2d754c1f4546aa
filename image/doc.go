// Package image answers what an image is and whether one may have it: from the
// name a person types to a squashfs file in the store.
//
// # Steps
//
//	ParseReference   "docker://reg.example/team/app:1" → Reference; no network
//	Client.Resolve   Reference → digest, by one HEAD request of the registry
//	Client.Ensure    Reference → object in the store; fetches and converts if need be
//
// Registries, OCI layouts and archives are read through go.podman.io/image/v5,
// the maintained home of github.com/containers/image: its auth.json, its
// registries.conf with mirrors, its idea of which manifest of an index is for
// this machine. Layers go from the network through the verifying reader of this
// package straight into squash/writer; nothing is unpacked to disk. (Compressed
// archives are an exception: image/v5 unpacks them into a scratch directory of
// the store.)
//
// # What is verified
//
// A manifest's bytes against the digest that was resolved (or the index named);
// the config's and every layer's bytes against the digest in the manifest; and
// every layer's uncompressed tar against the diffID in the config. A layer's
// reader returns the verdict in place of io.EOF, so a converter that reads to
// the end cannot miss it, and nothing is published before all layers ended well.
//
// # Layers ahead
//
// Three layers are open at once: the one that is being converted and the next
// two. For each, one goroutine reads and hashes what comes, one decompresses, and
// one hashes the tar, so that a single large layer keeps several cores busy:
//
//	network ─ sha256 ─►4 MiB─► gunzip, zstd ─►8 MiB─ diffID ─► squash/writer
//
// The buffers between them are all that fetching holds, so memory does not grow
// with the image: 3 × 12 MiB here, a zstd window of 8 MiB for each (a layer with
// a larger one, of at most 128 MiB, is not decompressed before its turn), and
// about 64 MiB of blocks and 96 MiB of compressors in the writer, on any number
// of CPUs. Only names and metadata of an image's files grow with their number, by
// about 0.4 KiB for each.
//
// # Layers that are at hand
//
// When an object in the store has the same lowest layers, made with the same
// settings, these are neither fetched nor converted: squash/writer takes their
// compressed data from it. Of several objects the one that shares most is taken,
// and of these the one that lacks least of what its upper layers hid. Whatever is
// wrong with it, the image is made afresh. Event.Stats tells what came of it.
//
// # Requests
//
// A warm Ensure asks a registry for the digest and nothing else (measured by
// TestWarmRequests and TestOneRequest), and the processes of a job but the first
// ask nothing:
//
//	GET  <token service>        where the registry is known to want a token
//	HEAD /v2/…/manifests/<tag>  the question itself, else with name and password
//
// On loopback it is tried with TLS and again without. A registry with mirrors in
// registries.conf, or one that sends no digest with HEAD, is asked with GET through
// image/v5. A digest in the reference is asked about, too: whether this user may
// have it.
//
// # Refusals
//
// When Harbor says no, package harbor finds out why; testdata/messages has what a
// person is then told. An account that another program's old password has locked
// is waited for. Answers that are no answer (UnreachableError) let the last one be
// used for Options.OfflineGrace; a refusal ends that for the repository until the
// registry says yes again. A wrong login is remembered for two minutes, or until
// somebody logs in, so that jobs do not lock the account in turn; a missing right
// for the job alone.
//
// A registry that is silent for Options.StallTimeout in the middle of a layer is
// given up. image/v5 continues broken downloads that had got somewhere with Range
// requests, and keeps the pause that a registry asks for with 429 and Retry-After.
// Beyond that a layer or config is asked for up to five times in a row without a
// new byte, with pauses that double, after 500, 502, 503, 504 and broken
// connections, also where the registry knows no Range. (The Retry-After of a 503
// cannot be seen through image/v5.)
//
// # TLS
//
// Certificates are always verified and plain http is never spoken, except to
// registries on loopback, or where registries.conf or Options.SkipTLSVerify say
// so. When a loopback registry sends us elsewhere (a token service, a storage
// redirect) the request is refused rather than made unverified.
//
// # Errors
//
// What a person can meet is a fault.Error; its Why keeps the typed causes of
// this package (LayerError and its causes, PlatformError), of image/v5, of the
// standard library, for errors.As. A cancelled context is returned as an error
// that wraps it, without advice.
//
// Not supported: Docker schema 1 manifests, encrypted layers, layers kept
// outside the registry (foreign layers), signatures (a later matter), IPv6
// literals as registry names (image/v5's grammar has none).
package image
