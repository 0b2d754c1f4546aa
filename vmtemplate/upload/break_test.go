package upload_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/registry"
	"github.com/jrun-hpc/jrun/vmtemplate/upload"
)

// TestCutEverywhere cuts the wire once, at every part of the protocol, on the way up
// and on the way down: in the middle of TLS, of a token, of a chunk, of the PUT, of
// the manifest, and of each answer.
func TestCutEverywhere(t *testing.T) {
	peers(t, func(t *testing.T, p *peer) {
		layer := newLayer(t, 1, 150*kib)
		img := newImage(t, layer)
		p.push(img, p.options())
		up, down, _ := p.wire.counts()
		if up < 150*kib || down < kib {
			t.Fatalf("the wire counted %d up and %d down", up, down)
		}
		cuts, step := 0, up/60
		for at := int64(1); at < up+down; at += step {
			cutUp, cutDown := at, int64(0)
			if at > up {
				cutUp, cutDown, step = 0, at-up, max(1, down/60)
			}
			o := p.options()
			o.Parallel = 1
			o.Dir = t.TempDir()
			o.Target.Repository = fmt.Sprintf("team/cut%d", at) // no blob is there
			p.access.Transport.(*http.Transport).CloseIdleConnections()
			p.wire.cutAfter(cutUp, cutDown)
			result, err := upload.Push(context.Background(), img, o)
			if err != nil {
				t.Fatalf("cut after %d up, %d down: %v", cutUp, cutDown, err)
			}
			_, _, n := p.wire.counts()
			cuts += n
			p.wire.cutAfter(0, 0)
			// Nothing is sent more than twice, but for two chunks: a registry that has not
			// noticed the break is believed at first. (go-containerregistry's has all
			// blobs in all repositories.)
			if c := result.Counts; c.Sent != c.ToSend || c.Wire > 2*c.ToSend+2*64*kib {
				t.Errorf("cut after %d up, %d down: %+v", cutUp, cutDown, c)
			}
			p.pull(o.Target, img)
		}
		if p.fake != nil && cuts < 80 { // the first push had more to say than some of those that followed
			t.Errorf("the wire was cut only %d times", cuts)
		}
	})
}

// TestGoesOn: where the registry keeps what has come, only the rest is sent, in the
// middle of a chunk, too.
func TestGoesOn(t *testing.T) {
	for name, at := range map[string]int64{"in the first chunk": 30 * kib, "in the third": 160 * kib, "in the last": 295 * kib} {
		t.Run(name, func(t *testing.T) {
			p := newHarbor(t, fakeharbor.Options{Distribution3: true})
			img := newImage(t, newLayer(t, 1, 300*kib))
			p.wire.cutAfter(at, 0)
			result := p.push(img, p.options())
			if _, _, cuts := p.wire.counts(); cuts != 1 {
				t.Fatalf("the wire was cut %d times", cuts)
			}
			if got := p.received(); got != result.Counts.ToSend {
				t.Errorf("the registry got %d bytes for %d", got, result.Counts.ToSend)
			}
			p.pull(p.options().Target, img)
		})
	}
}

// TestWholeChunksStay: distribution 2.8 goes on after a chunk, when what hinders comes
// between two of them.
func TestWholeChunksStay(t *testing.T) {
	p := newHarbor(t, fakeharbor.Options{})
	img := newImage(t, newLayer(t, 1, 300*kib))
	chunks := 0
	o := p.options()
	o.Access.Transport = &before{then: p.access.Transport, look: func(r *http.Request) *http.Response {
		if r.Method != http.MethodPatch {
			return nil
		}
		if chunks++; chunks == 3 {
			return answer(http.StatusBadGateway, nil, "<html>nginx</html>")
		}
		return nil
	}}
	result := p.push(img, o)
	if got := p.received(); got != result.Counts.ToSend || chunks < 4 {
		t.Errorf("the registry got %d bytes for %d, in %d chunks", got, result.Counts.ToSend, chunks)
	}
	if p.count(http.MethodPost, "/blobs/uploads/", 0) != 2 { // the layer and the configuration
		t.Error("it began anew")
	}
	p.pull(o.Target, img)
}

// TestNextRunGoesOn: a push that is ended in the middle of a layer leaves what the
// next one needs, and no more. Without grace that is so where the registry goes on in
// the middle of a chunk.
func TestNextRunGoesOn(t *testing.T) {
	for name, test := range map[string]struct {
		open  func(*testing.T) *peer
		grace time.Duration
	}{
		"distribution 3, at once":  {func(t *testing.T) *peer { return newHarbor(t, fakeharbor.Options{Distribution3: true}) }, -1},
		"distribution 3":           {func(t *testing.T) *peer { return newHarbor(t, fakeharbor.Options{Distribution3: true}) }, 0},
		"distribution 2.8":         {func(t *testing.T) *peer { return newHarbor(t, fakeharbor.Options{}) }, 0},
		"Debian's docker-registry": {func(t *testing.T) *peer { return newDebians(t) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := test.open(t)
			layer := newLayer(t, 1, 300*kib)
			img := newImage(t, layer)
			ctx, cancel := context.WithCancel(context.Background())
			o := p.options()
			o.Grace = test.grace
			first := upload.Progress{}
			o.Progress = func(now upload.Progress) {
				first = now
				if now.Sent > 200*kib {
					cancel()
				}
			}
			if _, err := upload.Push(ctx, img, o); !errors.Is(err, context.Canceled) {
				t.Fatalf("it ends with %v", err)
			}
			result := p.push(img, p.options())
			if second := result.Counts.Wire; first.Wire+second > result.Size+64*kib || second > result.Size-128*kib {
				t.Errorf("%d and %d bytes were sent for %d", first.Wire, second, result.Size)
			}
			if layer.opens.Load() != 1 {
				t.Errorf("it was compressed %d times", layer.opens.Load())
			}
			if left, err := filepath.Glob(filepath.Join(p.dir, "*")); err != nil || len(left) != 1 || !strings.HasSuffix(left[0], ".json") {
				t.Errorf("%v is left (%v)", left, err)
			}
			p.pull(p.options().Target, img)
		})
	}
}

// TestWireThatNeverHolds: the push ends, in bounded time, with advice.
func TestWireThatNeverHolds(t *testing.T) {
	for name, o := range map[string]fakeharbor.Options{"2.8": {}, "3": {Distribution3: true}} {
		t.Run(name, func(t *testing.T) {
			p := newHarbor(t, o)
			img := newImage(t, newLayer(t, 1, 300*kib))
			p.wire.every = true
			p.wire.cutAfter(100*kib, 0)
			_, err := upload.Push(context.Background(), img, p.options())
			if o.Distribution3 {
				if err != nil {
					t.Fatalf("with a registry that goes on: %v", err)
				}
				p.wire.cutAfter(0, 0)
				p.pull(p.options().Target, img)
				return
			}
			if told, ok := as[*message.Error](err); !ok || told.What.Name() != "upload.breaks" {
				t.Errorf("it ends with %v", err)
			}
		})
	}
}

// TestTokenEnds: a token that ends in the middle of a layer is renewed, and nothing is
// sent twice but what was refused.
func TestTokenEnds(t *testing.T) {
	p := newHarbor(t, fakeharbor.Options{})
	img := newImage(t, newLayer(t, 1, 300*kib))
	o := p.options()
	patches := 0
	o.Access.Transport = &before{then: p.access.Transport, look: func(r *http.Request) *http.Response {
		if r.Method == http.MethodPatch {
			if patches++; patches == 3 {
				p.fake.ExpireTokens()
			}
		}
		return nil
	}}
	o.Relogin = func(context.Context, error) (registry.Login, error) {
		t.Error("a login is asked for")
		return registry.Login{}, errors.New("no")
	}
	result := p.push(img, o)
	if n := p.count(http.MethodPatch, "", http.StatusUnauthorized); n != 1 {
		t.Errorf("%d chunks were refused", n)
	}
	if got := p.received(); got > result.Counts.ToSend+64*kib {
		t.Errorf("the registry got %d bytes for %d", got, result.Counts.ToSend)
	}
	p.pull(o.Target, img)
}

// TestPauses: 429 with Retry-After, and other passing refusals, at every request.
func TestPauses(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusGatewayTimeout} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			p := newHarbor(t, fakeharbor.Options{})
			img := newImage(t, newLayer(t, 1, 200*kib))
			var seen sync.Map
			o := p.options()
			o.Patience.First = 100 * time.Microsecond
			o.Access.Transport = &before{then: p.access.Transport, look: func(r *http.Request) *http.Response {
				if r.URL.Scheme == "https" {
					return nil // it does not come so far
				}
				if _, again := seen.LoadOrStore(r.Method+r.URL.String(), true); !again {
					return answer(status, http.Header{"Retry-After": {"0"}}, "")
				}
				return nil
			}}
			p.push(img, o)
			p.pull(o.Target, img)
		})
	}
}

// TestPatienceEnds: a registry that asks for more patience than there is, is told of
// at once.
func TestPatienceEnds(t *testing.T) {
	p := newHarbor(t, fakeharbor.Options{})
	o := p.options()
	o.Access.Transport = &before{then: p.access.Transport, look: func(r *http.Request) *http.Response {
		if r.Method == http.MethodPost {
			return answer(http.StatusTooManyRequests, http.Header{"Retry-After": {"3600"}}, "")
		}
		return nil
	}}
	_, err := upload.Push(context.Background(), newImage(t, newLayer(t, 1, kib)), o)
	if told, ok := as[*message.Error](err); !ok || told.What.Name() != "registry.too-many" {
		t.Errorf("it ends with %v", err)
	}
}

// TestLimitsOfProxies: requests that are too large for somebody on the way are made
// smaller, and a registry without chunks gets all at once.
func TestLimitsOfProxies(t *testing.T) {
	for name, test := range map[string]struct {
		refuse func(*http.Request) *http.Response
		chunk  int64
	}{
		"a proxy with a bound": {chunk: 8 << 20, refuse: func(r *http.Request) *http.Response {
			if r.ContentLength > 2<<20 {
				return answer(http.StatusRequestEntityTooLarge, nil, "<html>413</html>")
			}
			return nil
		}},
		"no chunks": {chunk: 1 << 20, refuse: func(r *http.Request) *http.Response {
			if r.Method == http.MethodPatch {
				return answer(http.StatusMethodNotAllowed, nil, `{"errors":[{"code":"UNSUPPORTED","message":"no"}]}`)
			}
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newHarbor(t, fakeharbor.Options{})
			img := newImage(t, newLayer(t, 1, 5<<20))
			o := p.options()
			o.ChunkBytes = test.chunk
			o.Access.Transport = &before{then: p.access.Transport, look: test.refuse}
			result := p.push(img, o)
			if p.received() != result.Counts.ToSend {
				t.Errorf("the registry got %d bytes for %d", p.received(), result.Counts.ToSend)
			}
			p.pull(o.Target, img)
		})
	}
}

// TestLostPart: a registry that has lost a blob when it gets the manifest is looked at
// once more.
func TestLostPart(t *testing.T) {
	p := newHarbor(t, fakeharbor.Options{})
	manifests := 0
	o := p.options()
	o.Access.Transport = &before{then: p.access.Transport, look: func(r *http.Request) *http.Response {
		if r.Method != http.MethodPut || !strings.Contains(r.URL.Path, "/manifests/") {
			return nil
		}
		if manifests++; manifests == 1 {
			return answer(http.StatusBadRequest, nil, `{"errors":[{"code":"DIGEST_INVALID","message":"x"},{"code":"MANIFEST_BLOB_UNKNOWN","message":"y"}]}`)
		}
		return nil
	}}
	img := newImage(t, newLayer(t, 1, 100*kib))
	if c := p.push(img, o).Counts; manifests != 2 || c.ExistingLayers != 1 {
		t.Errorf("%d manifests, %+v", manifests, c)
	}
	p.pull(o.Target, img)
}

// TestSilence: a registry that says nothing any more is given up.
func TestSilence(t *testing.T) {
	p := newHarbor(t, fakeharbor.Options{})
	o := p.options()
	o.StallTimeout, o.Patience.Total = 50*time.Millisecond, 10*time.Millisecond
	p.fake.SetBackendHanging(true)
	_, err := upload.Push(context.Background(), newImage(t, newLayer(t, 1, kib)), o)
	if !errors.Is(err, registry.ErrStalled) {
		t.Errorf("it ends with %v", err)
	}
}
