// Package upload brings an image to a registry: what is there already stays there,
// what is missing goes up once, and what breaks off goes on.
//
//	report := upload.Inspect(ctx, target, options)   // may I, is there room, is the tag free
//	result, err := upload.Push(ctx, image, options)
//
// # What an image is here
//
// A configuration as JSON, and Layers, the lowest first. A Layer knows its diffID, can
// be read as a tar, and may know how a registry calls it: the digest, size and media
// type that it was pulled with, and the repositories that it was pulled from. Where it
// is kept (go.podman.io/storage, a directory) is not this package's business.
//
// # Steps of a push
//
//	look      for each layer: is it in the target (HEAD), can it be mounted from a
//	          repository of the same registry (POST ?mount=)? Only a layer for which
//	          neither is so is compressed, once, into a file of Options.Dir.
//	room      the bytes that are left to send are compared with the project's quota:
//	          a Harbor refuses only when all of a layer has been sent.
//	send      Options.Parallel layers at a time.
//	manifest  an OCI manifest, at last: before it nobody sees anything of the image.
//
// A layer that was pulled keeps the digest that it was pulled with, so that images
// with the same base share it in the registry and on the compute servers.
//
// # What breaks off
//
// A blob goes up in a session of the registry: POST, PATCH for each chunk, PUT. After
// a break the registry is asked (GET) how far it got, and it goes on from there, in
// this run or, by a note in Options.Dir, in the next one. Whether that works in the
// middle of a chunk is up to the registry. Measured:
//
//	distribution 3.1.2   goes on at the byte
//	distribution 2.8.2   (Debian's docker-registry, and the registry inside Harbor)
//	                     goes on after a whole chunk; what breaks off in the middle of
//	                     one has its session refused (404 BLOB_UPLOAD_INVALID), and
//	                     that layer begins anew. Other layers are not touched.
//
// So a push that is ended lets the chunk that is on the way arrive (Options.Grace).
//
// With 2.8 a PATCH that starts at a wrong place is silently taken, so a chunk is
// never sent again without having asked. A blob whose PUT got no answer is looked for
// (HEAD) before anything is sent again. Pauses and logins are package registry's.
//
// # Files
//
// Options.Dir belongs to one user. A compressed layer is written under another name
// and renamed when it is whole; its note (diffID → digest, size) stays when the file
// goes, after the image has arrived. Two processes may use the directory at once.
//
// # Configuration
//
// Fields that only Docker knows (Healthcheck, OnBuild, Shell) stay in the
// configuration, although the manifest is OCI's: podman, buildah and docker read them
// there. Hostname and what else a build leaves by chance are taken out, so that the
// same build has the same digest.
//
// # What it does not do
//
// Indexes of several platforms, signatures, layers outside of the registry.
package upload
