// Package dockerfile builds images from Dockerfiles, in the store of package workspace.
//
// What a Dockerfile means is the business of go.podman.io/buildah: parsing, stages, cache,
// COPY, ADD, the image's configuration. This package gives it what it asks for, and does
// itself what buildah leaves to programs that users do not have:
//
//	parse      which images a Dockerfile needs, and where each instruction stands
//	context    the directory that COPY sees: a directory, or a tar file, or none
//	bases      images are fetched before the build, as all of jbuild fetches them
//	handover   what of this machine a RUN sees, and must not get into the image
//	runstep    a RUN's program
//	progress   what buildah writes, as steps
//	failure    an error, as a line of the Dockerfile
//
// # RUN
//
// buildah's "chroot" isolation needs no program, but leaves daemons running, shows the
// host's processes and devices, hides exit statuses, and has no way to give a RUN an
// environment that the image does not get. It executes the program again, under the name
// buildah-chroot-runtime, and writes an OCI runtime specification to descriptor 3. This
// package takes that process over and runs the specification's program by package inside.
//
// The name and the envelope around the specification are private to buildah. Build
// refuses to work with another version of buildah than the one that this was written for,
// and TestProtocol fails when go.mod has another one: look at chroot/run_common.go then.
//
// # Format
//
// Images have Docker's configuration, as HEALTHCHECK, ONBUILD and SHELL are not part of
// OCI's. Whoever pushes one may wrap it in an OCI manifest.
//
// # What is left when a build is killed
//
// Its processes end with it. Its containers and temporary files are removed by the next
// jbuild that is alone (package workspace).
package dockerfile
