// Package bundle gives people their images back, as a directory that can be read in
// twenty years, without the registry, jadm or this university.
//
// # What a bundle is
//
// A bundle is a BagIt 1.0 bag (RFC 8493) whose payload is an RO-Crate 1.1, with all
// images in one OCI image layout. Each is a standard that other programs read:
//
//	bagit.txt, bag-info.txt          it is a bag; whose, how much, made when
//	manifest-sha256.txt              sha256sum -c manifest-sha256.txt checks all
//	tagmanifest-sha256.txt           the sums of the three above
//	data/README.html, README.txt     what a person reads, English and Japanese
//	data/ro-crate-metadata.json      the same for programs, as linked data
//	data/bundle.json                 the same for this package (Bundle)
//	data/digests.txt                 what is named how
//	data/images/                     the OCI image layout; each blob is there once
//	data/recipes/REPOSITORY@TAG/     how an image was made, where it says so
//	data/provenance/                 what was run, one record a file
//
// docs/bundle.md describes the format for people.
//
// # Names in the layout
//
// Everything that was asked for has a name in images/index.json
// (org.opencontainers.image.ref.name) for each tag, PROJECT/REPOSITORY:TAG, and one
// for its digest, PROJECT/REPOSITORY@sha256:…. jrun, podman and skopeo take them after
// oci:DIR/data/images:. Some names that a registry allows are none in a layout
// (name__x, or a tag with a dot at its end): such an image has only its digest's.
// Manifests are kept byte for byte, so that every digest that was ever cited holds;
// that is why nothing is converted, and why image/v5, which converts Docker's
// manifests on their way into a layout, does not copy here.
//
// # Making one
//
// Make takes a snapshot first: which tags stand for which digests, what belongs to
// them (signatures, SBOMs, other referrers, also of the images in an index). From then
// on everything is asked for by digest; a tag that moves meanwhile changes nothing, and
// what is deleted meanwhile is an error that names it, never left out.
//
// It works in DIR.partial. Killed at any moment and run again it goes on: the snapshot
// is read back, and a blob that is there is used if it has its digest. What is not
// expected is removed. At the end all is read back by Verify, and only then it gets its
// name. So DIR is a whole bundle, or is not there.
//
// The same images, records and time give the same bytes, whatever happened on the way.
//
// # Reading one
//
// A bundle may come from anybody. Verify, Load and Restore open files through os.Root,
// follow no symbolic links, open nothing but regular files, read no more than bounds
// allow, and believe no name before its grammar was checked. What Verify finds is a
// *DamageError, a list of files and what is wrong with each.
//
// # What others fill in
//
// Source is the list of images: *harbor.Client. Registry moves the bytes. Recipes are
// found by Request.Recipe, a function, because image may not know vmtemplate; cmd/jadm
// passes recipe.FromLabels. Whose pins and records go in is for the caller to say.
package bundle
