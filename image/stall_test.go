package image

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

func TestEnsureGivesUpASilentRegistry(t *testing.T) {
	img := twoLayers("gzip")
	lower := digest.FromBytes(img.layers[0].blob()).Encoded()
	for name, sent := range map[string]int{"before the answer": 0, "in the middle": 100_000} {
		t.Run(name, func(t *testing.T) {
			reg := newRegistry(t)
			ref := reg.push(t, "demo/silent", "1", img)
			reg.misbehave(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
				if !strings.Contains(r.URL.Path, lower) {
					return false
				}
				if sent > 0 {
					_, _ = w.Write(img.layers[0].blob()[:sent])
					w.(http.Flusher).Flush()
				}
				<-r.Context().Done()
				return true
			})
			st := openStore(t)
			begun := time.Now()
			_, _, err := NewClient(Options{StallTimeout: 200 * time.Millisecond}).Ensure(t.Context(), st, ref, nil)
			if f := wantFault(t, err); !errors.Is(f, ErrStalled) || !as[*LayerError](f) {
				t.Errorf("got %v, want a LayerError that wraps ErrStalled", err)
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
			if left := leftovers(t, st); left != nil {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestSlowIsNotSilent: a layer that takes longer than the timeout, with bytes
// coming all the time, is read to its end.
func TestSlowIsNotSilent(t *testing.T) {
	img := twoLayers("gzip")
	blob := img.layers[0].blob()
	lower := digest.FromBytes(blob).Encoded()
	reg := newRegistry(t)
	ref := reg.push(t, "demo/slow", "1", img)
	reg.misbehave(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if !strings.Contains(r.URL.Path, lower) {
			return false
		}
		for part := range 10 {
			_, _ = w.Write(blob[part*len(blob)/10 : (part+1)*len(blob)/10])
			w.(http.Flusher).Flush()
			time.Sleep(100 * time.Millisecond)
		}
		return true
	})
	if _, _, err := NewClient(Options{StallTimeout: 700 * time.Millisecond}).Ensure(t.Context(), openStore(t), ref, nil); err != nil {
		t.Error(err)
	}
}
