package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/jrun-hpc/jrun/integration/debrepo"
	"github.com/jrun-hpc/jrun/integration/images"
	"github.com/jrun-hpc/jrun/integration/ordinary"
)

// builderUser is an ordinary user with subordinate ids, which podman and buildah need.
const builderUser = "jrun-bench"

// builders is what the tables of jbuild share.
type builders struct {
	*bench
	user     *ordinary.Account
	meter    *meter
	packages *debrepo.Repository
	base     string // reference, through the meter
	tools    []builder
	context  string // of the Dockerfile
}

// builder is a program that makes images, and what a person types to have it do
// something, as scripts of the POSIX shell. In them are $BASE, the image to begin with;
// $REF, the one to push; $NAME, new in each round; $INSTALL, a command for inside; and
// $PACKAGES and $CONTEXT, for the Dockerfile.
type builder struct {
	name string
	// prepare has the base fetched, and starts what stays.
	prepare string
	// first is from the base to an image in the registry; second does the last part again.
	first, second string
	// inside runs $COMMAND in what first made; untimed.
	inside string
	// start runs /bin/true, in the ways that there are.
	start map[string]string
	// build and again are a Dockerfile, with nothing kept from before and with all of it.
	build, again string
	remove       string // what first made
	finish       string // what prepare started
}

var builderTools = []builder{
	{
		name:    "**jbuild**",
		prepare: `jbuild pull $BASE; jbuild new --base $BASE --name start`,
		first:   `jbuild new --base $BASE --name $NAME --run "$INSTALL" --push $REF`,
		second:  `jbuild push --overwrite $NAME $REF`,
		inside:  `jbuild run $NAME -- sh -ec "$COMMAND"`,
		start:   map[string]string{"run": `jbuild run start -- true`},
		build:   `jbuild build -q --no-cache -t built --build-arg BASE=$BASE --build-arg PACKAGES="$INSTALL" $CONTEXT`,
		again:   `jbuild build -q -t built --build-arg BASE=$BASE --build-arg PACKAGES="$INSTALL" $CONTEXT`,
		remove:  `jbuild rm $NAME`,
	},
	{
		name:    "buildah, chroot isolation",
		prepare: `buildah pull -q --tls-verify=false $BASE; buildah from --name start $BASE`,
		first: `buildah from --name $NAME $BASE; buildah run $NAME -- sh -ec "$INSTALL"
			buildah commit -q $NAME $REF; buildah push -q --tls-verify=false $REF`,
		second: `buildah commit -q $NAME $REF; buildah push -q --tls-verify=false $REF`,
		inside: `buildah run $NAME -- sh -ec "$COMMAND"`,
		start:  map[string]string{"run": `buildah run start -- true`},
		build:  `buildah bud -q --layers --no-cache -t built --build-arg BASE=$BASE --build-arg PACKAGES="$INSTALL" $CONTEXT`,
		again:  `buildah bud -q --layers -t built --build-arg BASE=$BASE --build-arg PACKAGES="$INSTALL" $CONTEXT`,
		remove: `buildah rm $NAME; buildah rmi -f $REF`,
	},
	{
		name: "podman",
		prepare: `podman pull -q --tls-verify=false $BASE
			podman run -d --name start --network host $BASE sleep infinity`,
		first: `podman run --name $NAME --network host $BASE sh -ec "$INSTALL"
			podman commit -q $NAME $REF; podman push -q --tls-verify=false $REF`,
		second: `podman commit -q $NAME $REF; podman push -q --tls-verify=false $REF`,
		// The container's own command is over: files are changed from outside.
		inside: `podman unshare sh -ec 'cd "$(podman mount $NAME)"; sh -ec "$COMMAND"; podman umount $NAME'`,
		start:  map[string]string{"exec": `podman exec start true`, "run --rm": `podman run --rm --network host $BASE true`},
		build:  `podman build -q --isolation chroot --no-cache -t built --build-arg BASE=$BASE --build-arg PACKAGES="$INSTALL" $CONTEXT`,
		again:  `podman build -q --isolation chroot -t built --build-arg BASE=$BASE --build-arg PACKAGES="$INSTALL" $CONTEXT`,
		remove: `podman rm -f -t 0 $NAME; podman rmi -f $REF`,
		finish: `podman rm -f -t 0 start; podman system migrate`,
	},
}

// benchBuilder measures making images, against Debian's buildah and podman.
func benchBuilder(ctx context.Context, b *bench, _ *subject) (err error) {
	s, err := b.newBuilders(ctx)
	if s != nil {
		defer func() { err = errors.Join(err, s.close(ctx)) }()
	}
	if err != nil {
		return err
	}
	return errors.Join(s.measureFirst(ctx), s.measureStarts(ctx), s.measureBuilds(ctx), s.measureItself(ctx))
}

func (b *bench) newBuilders(ctx context.Context) (*builders, error) {
	s := &builders{bench: b, context: b.path("context")}
	var err error
	if s.user, err = ordinary.Current(builderUser); err != nil {
		return nil, err
	}
	if s.meter, err = startMeter(b.registry.Host); err != nil {
		return nil, err
	}
	if s.packages, err = debrepo.Start(b.path("packages")); err != nil {
		return s, err
	}
	base, err := images.Apt(ctx, images.Docker)
	if err != nil {
		return s, err
	}
	if err := images.Push(ctx, b.registry.Host+"/bench/base:1", base, authn.Anonymous); err != nil {
		return s, err
	}
	s.base = s.meter.host + "/bench/base:1"
	if err := s.writeContext(); err != nil {
		return s, err
	}
	for _, name := range []string{"bin", "home", "run", "tmp"} {
		if err := errors.Join(s.user.Mkdir(b.path(name)), os.Chmod(b.path(name), 0o700)); err != nil {
			return s, err
		}
	}
	if err := copyProgram("bin/jbuild", b.path("bin", "jbuild")); err != nil {
		return s, fmt.Errorf("copying jbuild: %w: run make build first", err)
	}
	if err := os.Chmod(b.path("bin"), 0o755); err != nil {
		return s, err
	}
	for _, tool := range builderTools {
		progress("  preparing %s", tool.name)
		if err := s.keep(ctx, tool, tool.prepare); err != nil {
			return s, err
		}
		s.tools = append(s.tools, tool)
	}
	return s, nil
}

func (s *builders) close(ctx context.Context) error {
	var err error
	for _, tool := range s.tools {
		err = errors.Join(err, s.keep(ctx, tool, tool.finish))
	}
	s.meter.stop()
	if s.packages != nil {
		s.packages.Stop()
	}
	return err
}

// task is a script of a builder's for a round of that number.
func (s *builders) task(tool builder, script string, round int) task {
	slug, _, _ := strings.Cut(strings.Trim(tool.name, "*"), ",")
	name := fmt.Sprintf("r%d", round)
	return task{
		user: s.user, dir: s.path("home"), args: []string{"/bin/sh", "-euc", "exec >/dev/null\n" + script},
		env: map[string]string{
			"PATH": s.path("bin") + ":/usr/local/bin:/usr/bin:/bin:/usr/sbin",
			"HOME": s.path("home"), "XDG_RUNTIME_DIR": s.path("run"), "TMPDIR": s.path("tmp"),
			"XDG_DATA_HOME":  s.path("home", slug),
			"STORAGE_DRIVER": "overlay", "BUILDAH_ISOLATION": "chroot",
			"BASE": s.base, "NAME": name, "REF": s.meter.host + "/" + slug + "/" + name + ":1",
			"INSTALL": s.packages.Use() + " && apt-get -q install -y jviewer", "CONTEXT": s.context,
		},
	}
}

// keep runs a script of which something may stay: a container, and the process with
// which podman keeps its namespace.
func (s *builders) keep(ctx context.Context, tool builder, script string) error {
	t := s.task(tool, script, 0)
	t.leave = true
	_, err := measure(ctx, t)
	return err
}

const dockerfile = `ARG BASE
FROM $BASE AS made
WORKDIR /src
COPY tool.sh .
RUN sh tool.sh > tool.out && mkdir -p /opt/tool/bin && cp tool.sh /opt/tool/bin/tool && chmod 755 /opt/tool/bin/tool

FROM $BASE
ARG PACKAGES
RUN sh -ec "$PACKAGES"
COPY --from=made /opt/tool /opt/tool
ENV PATH=/opt/tool/bin:/usr/local/bin:/usr/bin:/bin
CMD ["tool"]
`

func (s *builders) writeContext() error {
	return errors.Join(os.Mkdir(s.context, 0o755),
		os.WriteFile(filepath.Join(s.context, "Dockerfile"), []byte(dockerfile), 0o644),
		os.WriteFile(filepath.Join(s.context, "tool.sh"), []byte("#!/bin/sh\ndpkg-query -W | sort | md5sum\n"), 0o755))
}

func copyProgram(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o755)
}
