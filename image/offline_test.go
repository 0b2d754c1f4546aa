package image

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

// outages are what a Harbor cannot answer with.
var outages = map[string]func(*fakeharbor.Server){
	"nobody listens":            func(f *fakeharbor.Server) { f.Close() },
	"core down":                 func(f *fakeharbor.Server) { f.SetCoreDown(true) },
	"storage down":              func(f *fakeharbor.Server) { f.SetBackendDown(true) },
	"database down":             func(f *fakeharbor.Server) { f.SetDatabaseDown(true) },
	"directory down":            func(f *fakeharbor.Server) { f.SetDirectory(fakeharbor.DirectoryDown) },
	"directory does not answer": func(f *fakeharbor.Server) { f.SetDirectory(fakeharbor.DirectoryUnreachable) },
}

// TestOffline: while the registry cannot answer, its last answer is used for a
// while, with a warning; and only then.
func TestOffline(t *testing.T) {
	for name, breaks := range outages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFakeHarbor(t)
			ref := h.ref(h.memberProject(harbor.Metadata{}) + "/app:1")
			st := openStore(t)
			h.ensure(h.client(h.user, h.password, Options{}), st, ref)
			breaks(h.fake)
			h.answerWas(st, ref, 3*time.Hour)
			for _, tt := range []struct {
				name  string
				grace time.Duration
				pull  Pull
				ok    bool
			}{
				{"in time", 4 * time.Hour, PullAsk, true},
				{"too late", 2 * time.Hour, PullAsk, false},
				{"no grace", 0, PullAsk, false},
				{"always", 4 * time.Hour, PullAlways, false},
			} {
				if tt.name != "in time" && name != "nobody listens" {
					continue // it takes its time, and is all the same
				}
				var warnings []string
				client := h.client(h.user, h.password, Options{OfflineGrace: tt.grace, Pull: tt.pull, Warn: func(t fault.Text) { warnings = append(warnings, t.String()) }})
				r, err := client.Resolve(t.Context(), st, ref)
				if !tt.ok {
					if wantFault(t, err); !unreachable(err) || warnings != nil {
						t.Errorf("%s: %v, warnings %q", tt.name, err, warnings)
					}
					continue
				}
				if err != nil {
					t.Errorf("%s: %v", tt.name, err)
					continue
				}
				d := twoLayers("gzip").digest()
				if r.Digest != d || r.How != FromOffline {
					t.Errorf("%s: %+v", tt.name, r)
				}
				if len(warnings) != 1 || !strings.Contains(warnings[0], d.String()) || !strings.Contains(warnings[0], "3 hours ago") {
					t.Errorf("%s: warnings %q", tt.name, warnings)
				}
				h.ensure(client, st, ref)
			}
		})
	}
}

// TestOfflineNeedsAnAnswer: nothing is allowed that the registry has not said yes to.
func TestOfflineNeedsAnAnswer(t *testing.T) {
	h := newFakeHarbor(t)
	p := h.memberProject(harbor.Metadata{})
	h.push(p+"/app", "2", twoLayers("gzip")) // the same image
	st := openStore(t)
	h.ensure(h.client(h.user, h.password, Options{}), st, h.ref(p+"/app:1"))
	h.fake.Close()
	for _, pull := range []Pull{PullAsk, PullMissing, PullNever} {
		object, _, err := h.client(h.user, h.password, Options{OfflineGrace: time.Hour, Pull: pull}).Ensure(t.Context(), st, h.ref(p+"/app:2"), nil)
		if err == nil {
			t.Errorf("policy %d: got %s", pull, object.Path)
		}
	}
}

// TestOfflineByDigest: who may have a tag may have what it stands for by its digest.
func TestOfflineByDigest(t *testing.T) {
	h := newFakeHarbor(t)
	p := h.memberProject(harbor.Metadata{})
	st := openStore(t)
	h.ensure(h.client(h.user, h.password, Options{}), st, h.ref(p+"/app:1"))
	h.fake.Close()
	client := h.client(h.user, h.password, Options{OfflineGrace: time.Hour})
	h.ensure(client, st, h.ref(p+"/app@"+twoLayers("gzip").digest().String()))
	for _, other := range []string{p + "/app@" + digest.FromString("other").String(), p + "/other@" + twoLayers("gzip").digest().String()} {
		if object, _, err := client.Ensure(t.Context(), st, h.ref(other), nil); err == nil {
			t.Errorf("%s is %s", other, object.Path)
		}
	}
}

// TestMovedTagIsNotForgotten: when a tag was seen to move, the image that it stood
// for before is not used any more, even if the new one never arrived.
func TestMovedTagIsNotForgotten(t *testing.T) {
	h := newFakeHarbor(t)
	p := h.memberProject(harbor.Metadata{})
	ref := h.ref(p + "/app:1")
	st := openStore(t)
	h.ensure(h.client(h.user, h.password, Options{}), st, ref)
	moved := h.push(p+"/app", "1", twoLayers("zstd"))
	r, err := h.client(h.user, h.password, Options{}).Resolve(t.Context(), st, moved) // and nothing is fetched
	h.check(err)
	if r.Digest != twoLayers("zstd").digest() {
		t.Fatalf("it is %s", r.Digest)
	}
	h.fake.Close()
	for _, pull := range []Pull{PullAsk, PullMissing, PullNever} {
		object, _, err := h.client(h.user, h.password, Options{OfflineGrace: time.Hour, Pull: pull}).Ensure(t.Context(), st, ref, nil)
		if err == nil {
			t.Errorf("policy %d: got %s", pull, object.Digest)
		}
	}
}

// TestPullPolicies: what is asked, and what is enough, while the registry is well.
func TestPullPolicies(t *testing.T) {
	for _, tt := range []struct {
		name  string
		pull  Pull
		grace time.Duration
		asks  int  // with an image in the store, whose answer is three hours old
		ok    bool // what comes of it
		empty bool // and with an empty store
	}{
		{"ask", PullAsk, 4 * time.Hour, 1, true, true},
		{"always", PullAlways, 4 * time.Hour, 1, true, true},
		{"missing", PullMissing, 4 * time.Hour, 0, true, true},
		{"missing, old", PullMissing, 2 * time.Hour, 1, true, true},
		{"missing, no grace", PullMissing, 0, 1, true, true},
		{"never", PullNever, 4 * time.Hour, 0, true, false},
		{"never, old", PullNever, 2 * time.Hour, 0, false, false},
		{"never, no grace", PullNever, 0, 0, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newFakeHarbor(t)
			ref := h.ref(h.memberProject(harbor.Metadata{}) + "/app:1")
			client := h.client(h.user, h.password, Options{OfflineGrace: tt.grace, Pull: tt.pull})
			if _, _, err := client.Ensure(t.Context(), openStore(t), ref, nil); (err == nil) != tt.empty {
				t.Errorf("with an empty store: %v", err)
			} else if err != nil {
				wantFault(t, err)
			}
			st := openStore(t)
			h.ensure(h.client(h.user, h.password, Options{}), st, ref)
			h.answerWas(st, ref, 3*time.Hour)
			h.requests()
			if _, _, err := client.Ensure(t.Context(), st, ref, nil); (err == nil) != tt.ok {
				t.Error(err)
			} else if err != nil {
				wantFault(t, err)
			}
			if asked := h.requests(); len(asked) != tt.asks {
				t.Errorf("asked %v", asked)
			}
		})
	}
}

// answerWas makes the registry's last answer an old one.
func (h *harborTarget) answerWas(st *store.Store, ref Reference, ago time.Duration) {
	h.Helper()
	var known store.Ref
	_, err := st.Note(answerNote, ref.String(), &known)
	h.check(err)
	known.Time = known.Time.Add(-ago)
	h.check(st.SetNote(answerNote, ref.String(), known))
	ageNotes(h.T, st, ago)
}

// ageNotes makes all notes older.
func ageNotes(t *testing.T, st *store.Store, by time.Duration) {
	t.Helper()
	paths := must(filepath.Glob(filepath.Join(st.Realm(), "notes", "*.json")))
	if len(paths) == 0 {
		t.Fatal("there are no notes")
	}
	for _, path := range paths {
		var note map[string]json.RawMessage
		var at time.Time
		check(json.Unmarshal(must(os.ReadFile(path)), &note))
		check(json.Unmarshal(note["time"], &at))
		note["time"] = must(json.Marshal(at.Add(-by)))
		writeFile(t, path, must(json.Marshal(note)))
	}
}

// TestTooManyRequests is no refusal: it does not end what was allowed before.
func TestTooManyRequests(t *testing.T) {
	reg := newRegistry(t)
	ref := reg.push(t, "lab/app", "1", twoLayers("gzip"))
	st := openStore(t)
	if _, _, err := NewClient(Options{}).Ensure(t.Context(), st, ref, nil); err != nil {
		t.Fatal(err)
	}
	reg.misbehave(always(429, "Retry-After: 0", ""))
	for _, tt := range []struct {
		opts Options
		ok   bool
	}{{Options{}, false}, {Options{OfflineGrace: time.Hour}, true}, {Options{OfflineGrace: time.Hour, Pull: PullNever}, true}} {
		if _, _, err := NewClient(tt.opts).Ensure(t.Context(), st, ref, nil); (err == nil) != tt.ok {
			t.Errorf("%+v: %v", tt.opts, err)
		} else if err != nil {
			wantFault(t, err)
		}
	}
}
