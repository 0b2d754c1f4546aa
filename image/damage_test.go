package image

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jrun-hpc/jrun/squash/writer"
	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/manifest"
)

// spoil serves the body of every GET whose path contains part through change.
func spoil(part string, change func([]byte) []byte) func(http.ResponseWriter, *http.Request, http.Handler) bool {
	return func(w http.ResponseWriter, r *http.Request, good http.Handler) bool {
		if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, part) {
			return false
		}
		right := httptest.NewRecorder()
		good.ServeHTTP(right, r)
		body := change(right.Body.Bytes())
		w.Header().Set("Content-Type", right.Header().Get("Content-Type"))
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(right.Code)
		_, _ = w.Write(body) // the client may have gone
		return true
	}
}

func flip(b []byte) []byte {
	b = append([]byte(nil), b...)
	b[len(b)/2] ^= 0x40
	return b
}

// endless sends the blob over and over, as long as somebody reads.
func endless(part string, blob []byte) func(http.ResponseWriter, *http.Request, http.Handler) bool {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, part) {
			return false
		}
		for {
			if _, err := w.Write(blob); err != nil {
				return true
			}
		}
	}
}

// breakOff sends half of what part is and closes the connection.
func breakOff(part string) func(http.ResponseWriter, *http.Request, http.Handler) bool {
	return func(w http.ResponseWriter, r *http.Request, good http.Handler) bool {
		if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, part) {
			return false
		}
		right := httptest.NewRecorder()
		good.ServeHTTP(right, r)
		w.Header().Set("Content-Length", strconv.Itoa(right.Body.Len()))
		_, _ = w.Write(right.Body.Bytes()[:right.Body.Len()/2])
		panic(http.ErrAbortHandler)
	}
}

func TestEnsureRefusesWhatIsDamagedOnTheWay(t *testing.T) {
	img := twoLayers("gzip")
	upper := digest.FromBytes(img.layers[1].blob()).Encoded()
	lower := digest.FromBytes(img.layers[0].blob()).Encoded()
	config := digest.FromBytes(img.config()).Encoded()
	reg := newRegistry(t)
	ref := reg.push(t, "demo/damage", "1", img)
	foreign := twoLayers("zstd")
	foreign.architecture = "mips64le"
	indexRef := reg.push(t, "demo/index", "1", img, foreign)
	plain := twoLayers("none")
	plainRef := reg.push(t, "demo/plain", "1", plain)
	plainLower := digest.FromBytes(plain.layers[0].blob()).Encoded()

	tests := []struct {
		name      string
		ref       Reference
		intercept func(http.ResponseWriter, *http.Request, http.Handler) bool
		is        func(error) bool
	}{
		{"manifest with a flipped bit", ref, spoil("/manifests/sha256", flip), as[*DigestError]},
		{"manifest of an index with a flipped bit", indexRef, spoil("/manifests/"+img.digest().String(), flip), as[*DigestError]},
		{"config with a flipped bit", ref, spoil(config, flip), as[*DigestError]},
		{"layer with a flipped bit", ref, spoil(lower, flip), as[*LayerError]},
		{"layer with a flipped bit that no decompressor sees", plainRef, spoil(plainLower, flip), as[*DigestError]},
		{"tar header with a flipped bit", plainRef, spoil(plainLower, func(b []byte) []byte {
			b = append([]byte(nil), b...)
			b[3] ^= 1
			return b
		}), as[*DigestError]},
		{"another layer in its place", ref, spoil(lower, func([]byte) []byte { return img.layers[1].blob() }), as[*LayerError]},
		{"layer cut short", ref, spoil(lower, func(b []byte) []byte { return b[:len(b)-9] }), as[*SizeError]},
		{"layer cut to nothing", ref, spoil(upper, func([]byte) []byte { return nil }), as[*SizeError]},
		{"plain layer cut at a block", plainRef, spoil(plainLower, func(b []byte) []byte { return b[:1024] }), as[*SizeError]},
		{"layer with bytes behind it", ref, spoil(lower, func(b []byte) []byte { return append(b[:len(b):len(b)], "more"...) }), as[*SizeError]},
		{"layer that never ends", plainRef, endless(plainLower, plain.layers[0].blob()), as[*SizeError]},
		{"connection that breaks off", ref, breakOff(lower), is(io.ErrUnexpectedEOF)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reg.misbehave(tt.intercept)
			st := openStore(t)
			_, _, err := NewClient(Options{}).Ensure(t.Context(), st, tt.ref, nil)
			wantFault(t, err)
			if !tt.is(err) {
				t.Errorf("got %v, which has not the cause expected", err)
			}
			if left := leftovers(t, st); left != nil {
				t.Errorf("left behind: %v", left)
			}
			reg.misbehave(nil)
			if _, converted, err := NewClient(Options{}).Ensure(t.Context(), st, tt.ref, nil); err != nil || !converted {
				t.Errorf("afterwards: converted %v, %v", converted, err)
			}
		})
	}
}

func as[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func TestEnsureRefusesWhatWasPushedWrong(t *testing.T) {
	badTar := testImage{layers: []testLayer{{tar: []byte(strings.Repeat("this is no tar ", 100))}}}
	gzipOfNothing := testImage{layers: []testLayer{{tar: []byte{0x1f, 0x8b, 8, 0, 1, 2, 3}, compress: "raw"}}}
	xz := testImage{layers: []testLayer{{tar: append(xzMagic, 1, 2, 3), compress: "raw"}}}
	wrongDiff := twoLayers("gzip")
	wrongDiff.diffIDs = []digest.Digest{digest.FromString("one"), digest.FromString("two")}
	fewDiffs := twoLayers("gzip")
	fewDiffs.diffIDs = []digest.Digest{digest.FromString("one")}
	foreign := twoLayers("gzip")
	foreign.docker, foreign.layerType = true, manifest.DockerV2Schema2ForeignLayerMediaTypeGzip
	encrypted := twoLayers("gzip")
	encrypted.layerType = imgspec.MediaTypeImageLayerGzip + "+encrypted"
	chart := twoLayers("gzip")
	chart.configType = "application/vnd.cncf.helm.config.v1+json"

	tests := []struct {
		name string
		img  testImage
		is   func(error) bool
	}{
		{"no layers", testImage{}, is(ErrEmpty)},
		{"a layer that is no tar", badTar, is(writer.ErrTar)},
		{"a layer that does not decompress", gzipOfNothing, as[*CompressionError]},
		{"a compression that is not supported", xz, as[*CompressionError]},
		{"wrong diffIDs", wrongDiff, as[*DiffIDError]},
		{"too few diffIDs", fewDiffs, func(err error) bool { return err != nil }},
		{"a foreign layer", foreign, is(ErrUnsupported)},
		{"an encrypted layer", encrypted, is(ErrUnsupported)},
		{"a helm chart", chart, is(ErrNoImage)},
	}
	reg := newRegistry(t)
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ref := reg.push(t, "demo/wrong", strconv.Itoa(i), tt.img)
			st := openStore(t)
			_, _, err := NewClient(Options{}).Ensure(t.Context(), st, ref, nil)
			wantFault(t, err)
			if !tt.is(err) {
				t.Errorf("got %v, which has not the cause expected", err)
			}
			if left := leftovers(t, st); left != nil {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestEnsureStopsWhenCancelled: Ctrl-C in the middle of a layer.
func TestEnsureStopsWhenCancelled(t *testing.T) {
	img := twoLayers("gzip")
	lower := digest.FromBytes(img.layers[0].blob()).Encoded()
	reg := newRegistry(t)
	ref := reg.push(t, "demo/cancel", "1", img)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	reg.misbehave(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if !strings.Contains(r.URL.Path, lower) {
			return false
		}
		_, _ = w.Write(img.layers[0].blob()[:1000])
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
		return true
	})
	st := openStore(t)
	_, _, err := NewClient(Options{}).Ensure(ctx, st, ref, nil)
	if !errors.Is(err, context.Canceled) || isFault(err) {
		t.Errorf("got %v, want a plain error that wraps context.Canceled", err)
	}
	if left := leftovers(t, st); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// TestExplainWriteFault: what the store says when it cannot be written; the
// end-to-end tests fill a real disk and break one.
func TestExplainWriteFault(t *testing.T) {
	st := openStore(t)
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EACCES, syscall.EIO, syscall.ESTALE} {
		err := st.WriteFault(errors.Join(errors.New("writing a block"), errno))
		if f := wantFault(t, err); !errors.Is(f, errno) {
			t.Errorf("%v: the fault does not wrap it", errno)
		}
	}
}
