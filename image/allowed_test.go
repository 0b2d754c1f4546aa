package image

import (
	"errors"
	"path/filepath"
	"testing"
)

func TestAllowedRegistries(t *testing.T) {
	reg := newRegistry(t)
	img := twoLayers("gzip")
	ref := reg.push(t, "lab/app", "1", img)
	nested := reg.push(t, "lab/team/app", "1", img)
	dir := t.TempDir()
	writeLayout(t, filepath.Join(dir, "layout"), []string{"1"}, img)
	layout := mustParse(t, "oci:"+dir+"/layout:1")
	squashfs := filepath.Join(dir, "own.sqfs")
	writeFile(t, squashfs, img.converted(t))
	for _, tt := range []struct {
		name                string
		allowed             []string
		app, nestedApp, all bool
	}{
		{"no rule", nil, true, true, true},
		{"the host", []string{reg.host}, true, true, true},
		{"the host with a slash", []string{reg.host + "/"}, true, true, true},
		{"another host", []string{"harbor.example"}, false, false, false},
		{"another and this", []string{"harbor.example", reg.host + "/lab"}, true, true, false},
		{"the project", []string{reg.host + "/lab"}, true, true, false},
		{"a part of it", []string{reg.host + "/lab/team"}, false, true, false},
		{"the image", []string{reg.host + "/lab/app"}, true, false, false},
		{"the beginning of the host's name", []string{reg.host[:len(reg.host)-1]}, false, false, false},
		{"the beginning of the project's name", []string{reg.host + "/la"}, false, false, false},
		{"a longer name", []string{reg.host + "/lab2"}, false, false, false},
		{"nothing", []string{""}, false, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client := NewClient(Options{AllowedRegistries: tt.allowed})
			st := openStore(t)
			for ref, want := range map[Reference]bool{
				ref: tt.app, nested: tt.nestedApp, reg.push(t, "labor/app", "1", img): tt.all,
				layout: true, mustParse(t, squashfs): true,
			} {
				reg.take()
				_, _, err := client.Ensure(t.Context(), st, ref, nil)
				if (err == nil) != want {
					t.Errorf("%s: %v", ref, err)
				}
				if err == nil || want {
					continue
				}
				if wantFault(t, err); !errors.Is(err, ErrForbidden) {
					t.Errorf("%s: %v", ref, err)
				}
				if asked := reg.take(); asked != nil {
					t.Errorf("%s: the registry was asked %v", ref, asked)
				}
			}
		})
	}
}

// TestAllowedAfterItWasFetched: the rule is about what runs, not only about what is
// fetched.
func TestAllowedAfterItWasFetched(t *testing.T) {
	reg := newRegistry(t)
	ref := reg.push(t, "lab/app", "1", twoLayers("gzip"))
	st := openStore(t)
	if _, _, err := NewClient(Options{}).Ensure(t.Context(), st, ref, nil); err != nil {
		t.Fatal(err)
	}
	for _, pull := range []Pull{PullAsk, PullMissing, PullNever} {
		opts := Options{AllowedRegistries: []string{"harbor.example"}, Pull: pull, OfflineGrace: DefaultStallTimeout, Job: "1.pbs"}
		if _, _, err := NewClient(opts).Ensure(t.Context(), st, ref, nil); !errors.Is(err, ErrForbidden) {
			t.Errorf("policy %d: %v", pull, err)
		}
	}
}

// TestAllowedByTheFullName: a name without a registry is judged by the one it gets.
func TestAllowedByTheFullName(t *testing.T) {
	reg := newRegistry(t)
	reg.push(t, "lab/app", "1", twoLayers("gzip"))
	for allowed, want := range map[string]bool{reg.host + "/lab": true, reg.host + "/app": false, "app": false} {
		opts := Options{AllowedRegistries: []string{allowed}, DefaultRegistry: reg.host + "/lab"}
		if _, err := NewClient(opts).Resolve(t.Context(), nil, mustParse(t, "app:1")); (err == nil) != want {
			t.Errorf("%s: %v", allowed, err)
		}
	}
}
