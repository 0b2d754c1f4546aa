package dockerfile

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
	"go.podman.io/buildah/define"
	"go.podman.io/buildah/pkg/parse"
)

// dockerHub is where names without a registry are looked for when the site has none.
const dockerHub = "docker.io"

// Qualify completes an image's name as Dockerfiles and docker have it: names without a
// registry are the site's, or else Docker Hub's.
func Qualify(client *image.Client, name string) (string, error) {
	ref, err := image.ParseReference(name)
	if err == nil {
		if ref, err = client.Qualify(ref); errors.Is(err, image.ErrNoRegistry) {
			if ref, err = image.ParseReference(dockerHub + "/" + name); err == nil {
				ref, err = client.Qualify(ref)
			}
		}
	}
	if err != nil {
		return "", message.Fail(message.Of("dockerfile.name", name), err, message.Of("dockerfile.name.next"))
	}
	return strings.TrimPrefix(ref.String(), "docker://"), nil
}

// transports are the ways of buildah to name an image that is in no registry; what they
// name is left to it.
var transports = []string{"docker-archive:", "oci:", "oci-archive:", "dir:", "containers-storage:", "docker://", "sif:"}

func hasTransport(name string) bool {
	for _, t := range transports {
		if strings.HasPrefix(name, t) {
			return true
		}
	}
	return false
}

// contexts are those of --build-context, by name.
type contexts map[string]*define.AdditionalBuildContext

func readContexts(given map[string]string) (contexts, error) {
	all := contexts{}
	for name, value := range given {
		c, err := parse.GetAdditionalBuildContext(value)
		if err != nil || name == "" {
			return nil, message.Fail(message.Of("dockerfile.build-context", name+"="+value), err, message.Of("dockerfile.build-context.next"))
		}
		all[name] = &c
	}
	return all, nil
}

// fetch gets the images that a Dockerfile needs and that are not here; all of them when
// they are to be fetched anew.
func (b *build) fetch(ctx context.Context) error {
	for _, n := range b.parsed.images() {
		name := n.name
		if c, ok := b.contexts[name]; ok {
			if !c.IsImage {
				continue
			}
			name = c.Value
		}
		if hasTransport(name) {
			continue
		}
		if err := b.fetchOne(ctx, name); err != nil {
			return b.atLine(n.line, err)
		}
	}
	return nil
}

func (b *build) fetchOne(ctx context.Context, name string) error {
	if _, err := b.st.Local(name); err == nil && (!b.o.Pull || strings.HasPrefix(name, "localhost/")) {
		return nil
	}
	full, err := Qualify(b.st.Client(), name)
	if err != nil {
		return err
	}
	progress, done := b.o.Report.Fetching(full)
	_, err = b.st.Pull(ctx, full, progress)
	done()
	return err
}

// atLine says which line an error is about, and keeps what it says to do.
func (b *build) atLine(line int, err error) error {
	var known *message.Error
	if !errors.As(err, &known) {
		return err
	}
	return &message.Error{What: message.Of("dockerfile.bad-line", line, b.context.file), Why: err, Next: known.Next, Code: known.Code}
}

// registries is a registries.conf (containers-registries.conf(5)) with which buildah
// finds what fetch could not foresee: names in ONBUILD instructions, and names here
// without a registry.
func (b *build) registries() []byte {
	search := dockerHub
	if full, err := Qualify(b.st.Client(), "x"); err == nil {
		search, _, _ = strings.Cut(full, "/")
	}
	var out strings.Builder
	fmt.Fprintf(&out, "unqualified-search-registries = [%q]\nshort-name-mode = \"disabled\"\n", search)
	plain := map[string]bool{}
	for _, n := range append(b.parsed.images(), need{name: "x"}) {
		full, err := Qualify(b.st.Client(), n.name)
		if err != nil {
			continue
		}
		ref, err := image.ParseReference(full)
		if err != nil {
			continue
		}
		if access, err := b.st.Client().Access(ref); err == nil && access.Plain && !plain[access.Host] {
			plain[access.Host] = true
			fmt.Fprintf(&out, "[[registry]]\nlocation = %q\ninsecure = true\n", access.Host)
		}
	}
	return []byte(out.String())
}

// names are those that the image will have.
func names(st *workspace.Store, tags []string) ([]string, error) {
	var all []string
	for _, tag := range tags {
		name, err := st.FullName(tag)
		if err != nil {
			return nil, err
		}
		all = append(all, name)
	}
	return all, nil
}
