// Package workspace keeps images that are being made.
//
// A workspace is a name, a base image, and what has been changed since: the upper
// directory of an overlay file system. It lives in a store of go.podman.io/storage
// below the user's data directory, and nothing of it is in memory or in a daemon: each
// jbuild mounts it in its own mount namespace, and after a reboot or a kill nothing has
// to be put right.
//
//	st, err := workspace.Open(…)      // inside of rootless.Enter
//	w, err := st.Create(ctx, "cfd", base, progress)
//	status, err := w.Run(ctx, workspace.Session{Args: …})
//	changes, err := w.Changes()
//	image, err := w.Image(…)          // what package upload pushes
//	image, err = st.Keep(…)           // the same as an image of the store
//
// # What is durable
//
// The store writes its own records by rename. What a workspace is (its base, what was
// typed, where it has gone) is in the container's metadata and directory, so that
// making and removing it is one step. Two processes must not mount one workspace at the
// same time (overlayfs(5): "undefined behavior"): each Workspace that is open holds a
// lock file, which the kernel releases.
//
// # Uploading a little
//
// The own layer of a workspace is all that differs from the base. When it was uploaded
// and little was changed since, the next image has the uploaded layer and a further one
// with the difference (delta.go), so that little goes up. After six of them, or when
// more than half has changed, all is one layer again.
//
// # What it does not read
//
// No configuration of podman, buildah or the machine: neither storage.conf nor
// containers.conf, registries.conf or policy.json. Logins and certificates are those
// of package image.
package workspace
