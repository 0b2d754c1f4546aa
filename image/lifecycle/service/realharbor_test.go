package service_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/mirror"
	"github.com/jrun-hpc/jrun/image/lifecycle/service"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

// TestWithRealHarbor follows a project of the Harbor that HARBOR_URL names, by its own
// webhooks: pushes, a tag that moves, an index, deletions, the project's end.
func TestWithRealHarbor(t *testing.T) {
	address := os.Getenv("HARBOR_URL")
	if address == "" {
		t.Skip("HARBOR_URL is not set")
	}
	base, err := url.Parse(address)
	check(t, err)
	login := image.Login{User: os.Getenv("HARBOR_USER"), Password: os.Getenv("HARBOR_PASSWORD")}
	admin := harbor.New(harbor.Options{Base: base, User: login.User, Password: login.Password})
	project := "mirror-" + strings.ToLower(rand.Text()[:8])
	check(t, admin.CreateProject(t.Context(), harbor.NewProject{Name: project, Metadata: harbor.Metadata{Public: "false"}}))
	t.Cleanup(func() {
		_ = admin.DeleteRepository(context.Background(), project, "team/app") // it may be gone
		_ = admin.DeleteProject(context.Background(), project)
	})
	root, dir := filepath.Join(t.TempDir(), "store"), t.TempDir()
	check(t, store.InitSite(root))
	log := &safeBuffer{}
	amd64, arm64 := store.Platform{OS: "linux", Architecture: "amd64"}, store.Platform{OS: "linux", Architecture: "arm64"}
	m, err := mirror.New(mirror.Options{
		Harbor: admin, Registry: base.Host, Store: root, Login: login, State: state.Open(dir), Audit: audit.Open(filepath.Join(dir, "audit.jsonl"), "test"),
		Log: slog.New(slog.NewTextHandler(log, nil)), Choice: mirror.Choice{Include: []string{project}}, Platforms: []store.Platform{amd64, arm64},
		Version: "test", UndeleteFor: time.Hour,
	})
	check(t, err)
	listen := freeAddress(t)
	sv, err := service.New(service.Options{Mirror: m, State: dir, Listen: listen, WebhookSecret: secret})
	check(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- sv.Run(ctx) }()
	t.Cleanup(func() { cancel(); check(t, <-done) })
	_, err = admin.CreateWebhook(t.Context(), project, harbor.Webhook{
		Name: "jadm", Enabled: true, Events: []string{harbor.EventPush, harbor.EventDelete, harbor.EventScanned},
		Targets: []harbor.WebhookTarget{{Type: "http", Address: "http://" + listen + "/v1/webhook", AuthHeader: secret}},
	})
	check(t, err)

	place := store.Place{Registry: base.Host, Project: project}
	within := func(what string, holds func(s *store.Store) bool) {
		t.Helper()
		began := time.Now()
		for deadline := began.Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
			s, err := store.OpenSite(root, place)
			check(t, err)
			if holds(s) {
				t.Logf("%s: after %.1f s", what, time.Since(began).Seconds())
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: it does not come about: %+v\n%s", what, m.Status(), log)
			}
		}
	}
	has := func(d digest.Digest) func(s *store.Store) bool {
		return func(s *store.Store) bool { _, err := s.Get(d); return err == nil }
	}
	named := func(tag string, d digest.Digest) func(s *store.Store) bool {
		return func(s *store.Store) bool {
			r, err := s.Ref(base.Host + "/" + project + "/team/app:" + tag)
			return err == nil && r.Digest == d
		}
	}
	auth := remote.WithAuth(&authn.Basic{Username: login.User, Password: login.Password})
	push := func(tag string, what remote.Taggable) {
		t.Helper()
		r, err := name.ParseReference(base.Host+"/"+project+"/team/app:"+tag, name.Insecure)
		check(t, err)
		switch x := what.(type) {
		case v1.Image:
			check(t, remote.Write(r, x, auth))
		case v1.ImageIndex:
			check(t, remote.WriteIndex(r, x, auth))
		}
	}
	first, second, intel := testImage(t, project+" first"), testImage(t, project+" second"), testImage(t, project+" intel")
	push("1", first)
	within("pushed", has(digestOf(t, first)))
	within("named", named("1", digestOf(t, first)))
	push("1", second)
	within("pushed again", named("1", digestOf(t, second)))

	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: intel, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}})
	push("multi", index)
	indexDigest, err := index.Digest()
	check(t, err)
	within("an index", func(s *store.Store) bool {
		d, err := s.Alias(digest.Digest(indexDigest.String()), amd64)
		return err == nil && d == digestOf(t, intel)
	})
	check(t, admin.DeleteArtifact(t.Context(), project, "team/app", "multi"))
	within("the index is deleted", func(s *store.Store) bool { return !has(digestOf(t, intel))(s) })
	check(t, admin.DeleteArtifact(t.Context(), project, "team/app", digestOf(t, first).String()))
	within("deleted", func(s *store.Store) bool { return !has(digestOf(t, first))(s) && has(digestOf(t, second))(s) })
	check(t, admin.DeleteRepository(t.Context(), project, "team/app"))
	m.Mark(mirror.Target{Project: project}) // Harbor tells of artifacts alone
	within("the repository is deleted", func(s *store.Store) bool { return !has(digestOf(t, second))(s) })
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Second) {
		err := admin.DeleteProject(t.Context(), project)
		if harbor.Status(err) != http.StatusPreconditionFailed || time.Now().After(deadline) {
			check(t, err)
			break
		}
	}
	m.Mark(mirror.Target{Project: project})
	within("the project is deleted", func(s *store.Store) bool {
		info, err := os.Stat(s.Realm())
		return err == nil && info.Mode().Perm() == 0o700 && m.Status().ToLook == 0
	})
}

func digestOf(t *testing.T, img v1.Image) digest.Digest {
	t.Helper()
	d, err := img.Digest()
	check(t, err)
	return digest.Digest(d.String())
}
