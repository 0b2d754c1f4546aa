package upload_test

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/vmtemplate/upload"
	"github.com/opencontainers/go-digest"
)

// peers are all kinds of registries.
func peers(t *testing.T, do func(*testing.T, *peer)) {
	for name, open := range map[string]func(*testing.T) *peer{
		"Harbor":                     func(t *testing.T) *peer { return newHarbor(t, fakeharbor.Options{}) },
		"Harbor with distribution 3": func(t *testing.T) *peer { return newHarbor(t, fakeharbor.Options{Distribution3: true}) },
		"Debian's docker-registry":   func(t *testing.T) *peer { return newDebians(t) },
		"go-containerregistry's":     func(t *testing.T) *peer { return newPlain(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			do(t, open(t))
		})
	}
}

func TestPush(t *testing.T) {
	for name, c := range map[string]upload.Compression{"gzip": upload.Gzip, "zstd": upload.Zstd} {
		t.Run(name, func(t *testing.T) {
			peers(t, func(t *testing.T, p *peer) {
				img := newImage(t, newLayer(t, 1, 300*kib), newLayer(t, 2, 10), newLayer(t, 3, 65*kib))
				o := p.options()
				o.Compression = c
				var last upload.Progress
				o.Progress = func(now upload.Progress) { last = now }
				result := p.push(img, o)
				got := p.pull(o.Target, img)
				if d, err := got.Digest(); err != nil || d.String() != result.Digest.String() {
					t.Errorf("the result is %s, and there is %s (%v)", result.Digest, d, err)
				}
				if want := []string{"application/vnd.oci.image.layer.v1.tar+" + name}; !slices.Equal(layerTypes(got), want) {
					t.Errorf("layers are %v", layerTypes(got))
				}
				if last != result.Counts || last.Step != upload.Finishing || last.Sent != last.ToSend || last.Wire != last.ToSend || last.ToSend != result.Size {
					t.Errorf("the last count is %+v, the size %d", last, result.Size)
				}
				if p.fake != nil && p.received() != last.Wire {
					t.Errorf("the registry got %d bytes, and %d were counted", p.received(), last.Wire)
				}
				checkConfig(t, got)
			})
		})
	}
}

// checkConfig: what only Docker knows is kept, chance is not.
func checkConfig(t *testing.T, img interface{ RawConfigFile() ([]byte, error) }) {
	t.Helper()
	raw, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Container string
		Config    map[string]any
	}
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"Cmd": []any{"bash"}, "Healthcheck": map[string]any{"Test": []any{"CMD", "true"}}, "OnBuild": []any{"RUN true"},
		"Shell": []any{"/bin/bash", "-c"}, "Labels": map[string]any{"a": "b"},
	}
	if diff := cmp.Diff(want, got.Config); diff != "" || got.Container != "" {
		t.Errorf("the configuration (-want +got):\n%s", diff)
	}
}

// TestAgain: what is there is not sent, not compressed, and not kept on the disk.
func TestAgain(t *testing.T) {
	peers(t, func(t *testing.T, p *peer) {
		layer := newLayer(t, 1, 300*kib)
		img := newImage(t, layer)
		first := p.push(img, p.options())
		if left, err := filepath.Glob(filepath.Join(p.dir, "sha256-*")); err != nil || len(left) != 0 {
			t.Errorf("%v is left (%v)", left, err)
		}
		second := p.push(img, p.options())
		if !second.Unchanged || second.Digest != first.Digest || second.Counts.Wire != 0 || second.Counts.ExistingLayers != 1 || layer.opens.Load() != 1 {
			t.Errorf("the second time: %+v, opened %d times", second, layer.opens.Load())
		}
		other := p.options()
		other.Target.Tag = "2"
		if third := p.push(img, other); third.Unchanged || third.Counts.Wire != 0 {
			t.Errorf("by another tag: %+v", third)
		}
		p.pull(other.Target, img)
	})
}

// TestKnownLayer: a layer that was pulled goes up under its own digest, by no byte;
// from the target, or from another repository.
func TestKnownLayer(t *testing.T) {
	for _, test := range []struct {
		name, from        string
		member            bool
		mounted, existing int
	}{
		{"in the target", "team/app", true, 0, 1},
		{"in another repository", "base/os", true, 1, 0},
		{"where one may not pull", "base/os", false, 0, 0},
		{"where it is gone", "base/gone", true, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newHarbor(t, fakeharbor.Options{})
			lower := newLayer(t, 1, 300*kib)
			from, _, _ := strings.Cut(test.from, ":")
			put := from
			if test.name == "where it is gone" {
				put = "base/elsewhere"
			}
			// The registry's own compression is another than ours.
			blob := append([]byte("compressed by somebody"), lower.tar...)
			p.fake.PushBlob(put, digest.FromBytes(blob), blob)
			if !test.member {
				p.fake.RemoveMember("base", user)
			}
			lower.known = upload.Known{
				Digest: digest.FromBytes(blob), Size: int64(len(blob)), MediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip",
				Repositories: []string{"elsewhere.example/" + from, p.host + "/" + from},
			}
			upper := newLayer(t, 2, 3*kib)
			result := p.push(newImage(t, lower, upper), p.options())
			c := result.Counts
			if c.MountedLayers != test.mounted || c.ExistingLayers != test.existing {
				t.Errorf("counts are %+v", c)
			}
			if sent := c.Wire > 300*kib; sent != (test.mounted+test.existing == 0) || lower.opens.Load() > 0 != sent {
				t.Errorf("%d bytes were sent, the layer was opened %d times", c.Wire, lower.opens.Load())
			}
			if test.mounted == 1 && (c.Mounted != int64(len(blob)) || p.received() != c.Wire) {
				t.Errorf("counts are %+v, and %d bytes were sent", c, p.received())
			}
		})
	}
}

// TestMountOfOurs: what was uploaded to one repository is mounted from it by another.
func TestMountOfOurs(t *testing.T) {
	p := newHarbor(t, fakeharbor.Options{})
	layer := newLayer(t, 1, 300*kib)
	img := newImage(t, layer)
	p.push(img, p.options())
	other := p.options()
	other.Target.Repository = "base/app"
	result := p.push(img, other)
	if c := result.Counts; c.MountedLayers != 1 || c.Wire > 2*kib || layer.opens.Load() != 1 {
		t.Errorf("counts are %+v, opened %d times", c, layer.opens.Load())
	}
	p.pull(other.Target, img)
}

// TestSmallChange: of an image of which one percent has changed, at most two percent
// of the bytes go up.
func TestSmallChange(t *testing.T) {
	peers(t, func(t *testing.T, p *peer) {
		base := newLayer(t, 1, 10_000*kib)
		p.push(newImage(t, base), p.options())
		o := p.options()
		o.Target.Tag = "2"
		result := p.push(newImage(t, base, newLayer(t, 2, 100*kib)), o)
		if share := float64(result.Counts.Wire) / float64(result.Size); share > 0.02 {
			t.Errorf("%.1f %% of %d bytes went up", share*100, result.Size)
		}
	})
}

// TestOverwrite: a tag that is there needs a yes, before a byte is sent.
func TestOverwrite(t *testing.T) {
	peers(t, func(t *testing.T, p *peer) {
		first := p.push(newImage(t, newLayer(t, 1, kib)), p.options())
		img := newImage(t, newLayer(t, 2, 300*kib))
		o := p.options()
		counts := upload.Progress{}
		o.Progress = func(now upload.Progress) { counts = now }
		_, err := upload.Push(context.Background(), img, o)
		exists, ok := as[*upload.TagExistsError](err)
		if !ok || exists.Digest != first.Digest || counts.Wire != 0 {
			t.Fatalf("%v, after %d bytes", err, counts.Wire)
		}
		o.Overwrite = true
		p.push(img, o)
		p.pull(o.Target, img)
	})
}

// TestEqualLayers: two that are the same go up once.
func TestEqualLayers(t *testing.T) {
	p := newHarbor(t, fakeharbor.Options{})
	img := newImage(t, newLayer(t, 1, 100*kib), newLayer(t, 1, 100*kib))
	if c := p.push(img, p.options()).Counts; c.ToSend > 110*kib || c.Wire != c.ToSend {
		t.Errorf("counts are %+v", c)
	}
	p.pull(p.options().Target, img)
}

// TestConcurrent: several pushes with one directory and one repository.
func TestConcurrent(t *testing.T) {
	peers(t, func(t *testing.T, p *peer) {
		img := newImage(t, newLayer(t, 1, 300*kib), newLayer(t, 2, 200*kib))
		var wait sync.WaitGroup
		for i := range 6 {
			wait.Go(func() {
				o := p.options()
				o.Target.Tag = []string{"a", "b", "c"}[i%3]
				o.Overwrite = true
				if _, err := upload.Push(context.Background(), img, o); err != nil {
					t.Errorf("push %d: %v", i, err)
				}
			})
		}
		wait.Wait()
		for _, tag := range []string{"a", "b", "c"} {
			p.pull(upload.Target{Host: p.host, Repository: "team/app", Tag: tag}, img)
		}
	})
}

// TestDamagedFile: a compressed layer that is not what its note says is made anew.
func TestDamagedFile(t *testing.T) {
	p := newHarbor(t, fakeharbor.Options{})
	layer := newLayer(t, 1, 300*kib)
	img := newImage(t, layer)
	p.fake.SetQuota("team", 1)
	if _, err := upload.Push(context.Background(), img, p.options()); err == nil {
		t.Fatal("a full project takes it")
	}
	p.fake.SetQuota("team", -1)
	files, err := filepath.Glob(filepath.Join(p.dir, "sha256-*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v (%v)", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(files[0], text, 0o600); err != nil {
		t.Fatal(err)
	}
	p.push(img, p.options())
	p.pull(p.options().Target, img)
	if layer.opens.Load() != 2 {
		t.Errorf("it was compressed %d times", layer.opens.Load())
	}
}

// TestOldFiles: what is of no use any more goes, what is of use stays.
func TestOldFiles(t *testing.T) {
	p := newHarbor(t, fakeharbor.Options{})
	old := time.Now().Add(-29 * 24 * time.Hour)
	for name, at := range map[string]time.Time{
		"temporary-1": old, "temporary-2": time.Now(), "a.b.upload": old, "c.d.upload": time.Now(), "sha256-1": old, "sha256-2": old.Add(-48 * time.Hour), "x.gz.json": old.Add(-48 * time.Hour),
	} {
		file := filepath.Join(p.dir, name)
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	p.push(newImage(t), p.options())
	left, err := filepath.Glob(filepath.Join(p.dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range left {
		left[i] = filepath.Base(left[i])
	}
	if want := []string{"c.d.upload", "sha256-1", "temporary-2", "x.gz.json"}; !slices.Equal(left, want) {
		t.Errorf("%v is left", left)
	}
}

// TestWrongImage: what does not fit together is not uploaded.
func TestWrongImage(t *testing.T) {
	p := newHarbor(t, fakeharbor.Options{})
	good := newImage(t, newLayer(t, 1, kib))
	for name, img := range map[string]upload.Image{
		"a layer too many": {Config: good.Config, Layers: append(slices.Clone(good.Layers), newLayer(t, 2, kib))},
		"another layer":    {Config: good.Config, Layers: []upload.Layer{newLayer(t, 2, kib)}},
		"no JSON":          {Config: []byte("x"), Layers: good.Layers},
		"a path":           {Config: []byte(`{"rootfs":{"diff_ids":["sha256:../../x"]}}`), Layers: []upload.Layer{&pathLayer{}}},
		"other bytes":      {Config: good.Config, Layers: []upload.Layer{&lyingLayer{newLayer(t, 1, kib)}}},
	} {
		if _, err := upload.Push(context.Background(), img, p.options()); err == nil {
			t.Errorf("%s is uploaded", name)
		}
	}
	if p.received() != 0 {
		t.Errorf("%d bytes were sent", p.received())
	}
	if left, _ := filepath.Glob(filepath.Join(p.dir, "*")); len(left) != 0 {
		t.Errorf("%v is left", left)
	}
}

// pathLayer is one of somebody who wants to write elsewhere.
type pathLayer struct{ lyingLayer }

func (*pathLayer) DiffID() digest.Digest { return "sha256:../../x" }
func (*pathLayer) Known() upload.Known   { return upload.Known{} }

// lyingLayer reads as something else.
type lyingLayer struct{ *tarLayer }

func (l *lyingLayer) Open() (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("other")), nil
}
