package bundle

import (
	"fmt"
	"io"
	"io/fs"
	"math/rand"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/image/provenance"
	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
)

// noon is when everything in tests happens.
var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// world is a Harbor with something of every kind in it.
type world struct {
	testing.TB
	fake    *fakeharbor.Server
	project string
	random  *rand.Rand

	app, old, lost, index, chart, docker, odd digest.Digest
	child                                     digest.Digest // of index, signed
	shared                                    v1.Layer
}

// newWorld makes the same images for every test.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{TB: t, fake: fakeharbor.New(fakeharbor.Options{LoginDelay: 10 * time.Millisecond}), project: "20260001", random: rand.New(rand.NewSource(1))}
	t.Cleanup(w.fake.Close)
	w.fake.AddProject(fakeharbor.Project{Name: w.project})
	w.fill()
	return w
}

func (w *world) layer(size int64) v1.Layer {
	return must(random.Layer(size, types.OCILayer, random.WithSource(w.random)))
}

func (w *world) image(labels map[string]string, layers ...v1.Layer) v1.Image {
	img := mutate.MediaType(mutate.ConfigMediaType(must(mutate.AppendLayers(empty.Image, layers...)), types.OCIConfigJSON), types.OCIManifestSchema1)
	config := must(img.ConfigFile()).DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", "amd64", v1.Time{Time: noon}
	config.Config.Labels = labels
	return mutate.MediaType(must(mutate.ConfigFile(img, config)), types.OCIManifestSchema1)
}

func (w *world) fill() {
	p := w.project + "/"
	w.shared = w.layer(5000)
	app := w.image(map[string]string{"recipe": "FROM debian", imgspec.AnnotationTitle: "Solver <script>alert(1)</script>", imgspec.AnnotationDescription: "流体計算 \x1b[31m"}, w.shared, w.layer(3000))
	w.app = w.fake.Push(p+"app", "1", app)
	w.fake.Tag(p+"app", "1", "latest")
	w.sign(p+"app", w.app)
	w.referrer(p+"app", w.app, "application/spdx+json", w.layer(700))
	w.old = w.fake.Push(p+"app", "", w.image(nil, w.shared, w.layer(100)))
	w.lost = w.fake.Push(p+"app", "", w.image(nil, w.layer(100)))

	arm := w.image(nil, w.layer(900))
	config := must(arm.ConfigFile()).DeepCopy()
	config.Architecture = "arm64"
	arm = mutate.MediaType(must(mutate.ConfigFile(arm, config)), types.OCIManifestSchema1)
	amd := w.image(nil, w.shared, w.layer(800))
	index := mutate.IndexMediaType(mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: amd}, mutate.IndexAddendum{Add: arm}), types.OCIImageIndex)
	w.index = w.fake.PushIndex(p+"team/cfd", "2.0", index)
	w.child = digest.Digest(must(amd.Digest()).String())
	w.sign(p+"team/cfd", w.child)

	docker := must(mutate.AppendLayers(empty.Image, must(random.Layer(1024, types.DockerLayer, random.WithSource(w.random)))))
	w.docker = w.fake.Push(p+"docker", "v1", docker)
	w.chart = w.artifact(p+"chart", "0.1.0", "application/vnd.cncf.helm.config.v1+json", "application/vnd.cncf.helm.chart.content.v1.tar+gzip")
	w.odd = w.fake.Push(p+"odd__name", "1.0.", w.image(nil, w.layer(50)))
	w.fake.PushBlob(p+"nothing", digest.FromString("x"), []byte("x")) // a repository without an artifact
}

// artifact pushes something that is no image, and whose manifest does not say what it is.
func (w *world) artifact(name, tag, configType, layerType string) digest.Digest {
	config, blob := []byte(`{"name":"chart"}`), []byte("not even a tar")
	w.fake.PushBlob(name, digest.FromBytes(config), config)
	w.fake.PushBlob(name, digest.FromBytes(blob), blob)
	raw := fmt.Appendf(nil, `{"schemaVersion":2,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[{"mediaType":%q,"digest":%q,"size":%d}]}`,
		configType, digest.FromBytes(config), len(config), layerType, digest.FromBytes(blob), len(blob))
	return w.fake.PushManifest(name, tag, imgspec.MediaTypeImageManifest, raw)
}

// sign pushes a signature in the way of cosign 2, which belongs to its subject by its tag.
// Harbor takes it for one because of the layer's type.
func (w *world) sign(name string, subject digest.Digest) {
	payload := fmt.Appendf(nil, `{"critical":{"image":{"docker-manifest-digest":%q}}}`, subject)
	config := []byte(`{"architecture":"","os":"","rootfs":{"type":"layers","diff_ids":[]},"config":{}}`)
	w.fake.PushBlob(name, digest.FromBytes(config), config)
	w.fake.PushBlob(name, digest.FromBytes(payload), payload)
	raw := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[{"mediaType":"application/vnd.dev.cosign.simplesigning.v1+json","digest":%q,"size":%d,"annotations":{"dev.cosignproject.cosign/signature":"MEUC"}}]}`,
		imgspec.MediaTypeImageManifest, imgspec.MediaTypeImageConfig, digest.FromBytes(config), len(config), digest.FromBytes(payload), len(payload))
	w.fake.PushManifest(name, signatureTag(subject), imgspec.MediaTypeImageManifest, raw)
}

// referrer pushes an accessory in the way of OCI 1.1.
func (w *world) referrer(name string, subject digest.Digest, kind string, layer v1.Layer) digest.Digest {
	blob := must(io.ReadAll(must(layer.Compressed())))
	w.fake.PushBlob(name, digest.FromString("{}"), []byte("{}"))
	w.fake.PushBlob(name, digest.FromBytes(blob), blob)
	raw := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"artifactType":%q,"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":%q,"size":2},"layers":[{"mediaType":%q,"digest":%q,"size":%d}],"subject":{"mediaType":%q,"digest":%q,"size":1}}`,
		imgspec.MediaTypeImageManifest, kind, digest.FromString("{}"), kind, digest.FromBytes(blob), len(blob), imgspec.MediaTypeImageManifest, subject)
	return w.fake.PushManifest(name, "", imgspec.MediaTypeImageManifest, raw)
}

// registry is the fake's /v2, as its administrator.
func (w *world) registry() *Registry { return registryAt(w.fake.URL) }

func registryAt(address string) *Registry {
	return NewRegistry(RegistryOptions{Base: must(url.Parse(address)), User: fakeharbor.AdminUser, Password: fakeharbor.AdminPassword, RetryDelay: time.Millisecond, RetryTotal: 20 * time.Millisecond})
}

func clientAt(address string) *harbor.Client {
	return harbor.New(harbor.Options{Base: must(url.Parse(address)), User: fakeharbor.AdminUser, Password: fakeharbor.AdminPassword, RetryDelay: time.Millisecond, RetryTotal: -1})
}

func (w *world) record(d digest.Digest, job string, words ...string) provenance.Record {
	r := provenance.Record{Version: provenance.Version, Job: job, Started: noon.AddDate(0, -1, 0), User: "u001"}
	r.Image = provenance.Image{Name: "app", Reference: w.fake.Host + "/" + w.project + "/app:1@" + d.String(), Digest: d, Source: provenance.FromOwn}
	r.Command.Arguments = words
	return r
}

// request is for all that there is.
func (w *world) request() Request {
	r := w.requestOf(w.fake.URL)
	r.Pins, r.Records, r.Recipe = w.cited()
	return r
}

// requestOf needs no images of which the test knows.
func (w *world) requestOf(address string) Request {
	return Request{
		Owner: Owner{ID: w.project, Name: "山田 花子", Mail: "hanako@example.ac.jp"}, Source: clientAt(address), Registry: registryAt(address),
		Projects: []string{w.project}, Program: "jadm test", Now: noon, Reason: "Leaving the university.", Workers: 1,
	}
}

func (w *world) cited() ([]Pin, []provenance.Record, func(map[string]string) (map[string][]byte, bool, error)) {
	records := []provenance.Record{w.record(w.old, "123.pbs", "python3", "it's.py"), w.record(w.child, "124.pbs", "./solve"), w.record(digest.FromString("gone"), "9.pbs", "true")}
	recipe := func(labels map[string]string) (map[string][]byte, bool, error) {
		text, ok := labels["recipe"]
		return map[string][]byte{"Dockerfile": []byte(text), "files/opt/a b\n%.txt": []byte("x")}, ok, nil
	}
	return []Pin{{Repository: w.project + "/app", Digest: w.app, Reason: "doi:10.1234/x"}}, records, recipe
}

// contents are all files below dir, by name.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		all[must(filepath.Rel(dir, name))] = string(must(os.ReadFile(name)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
