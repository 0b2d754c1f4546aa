// Package images makes the container images that jrun's tests, benchmarks and
// demonstration run.
//
// # Real ones
//
// [Minimal], [Python] and [Big] are Debian, made by mmdebstrap from the packages
// of the running distribution. Making them takes minutes, so they are kept
// outside of the repository, in [CacheDir], as OCI layouts: one layout for
// each compression of the layers. What a caller gets is composed of those
// layers in the [Flavour] it asks for. Nothing in the cache is ever changed;
// removing the folder is always safe.
//
// # Small ones
//
// [Static], [Empty], [ForArchitecture] and the images made by [FromEntries]
// are made in memory, in milliseconds.
//
// # Hostile ones
//
// [Hostile] lists images that no builder makes: names that lead out of the
// image, layers cut short, digests that lie. Each says what is wrong with it.
//
// The package knows nothing of jrun.
package images
