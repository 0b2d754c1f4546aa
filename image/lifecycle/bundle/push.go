package bundle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/opencontainers/go-digest"
)

// HasBlob reports whether a repository has a blob.
func (r *Registry) HasBlob(ctx context.Context, repository string, d digest.Digest) (bool, error) {
	resp, err := r.ask(ctx, http.MethodHead, "/v2/"+repository+"/blobs/"+d.String(), nil, nil, 0)
	if harbor.Status(err) == http.StatusNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, resp.Body.Close()
}

// PutBlob uploads a blob of sizeBytes, which open opens, more than once where the
// network fails. Another repository of the registry that has it, from, saves the
// upload; it may be empty. The registry compares the digest.
func (r *Registry) PutBlob(ctx context.Context, repository string, d digest.Digest, sizeBytes int64, open func() (io.ReadCloser, error), from string) error {
	query := url.Values{}
	if from != "" {
		query.Set("mount", d.String())
		query.Set("from", from)
	}
	path := "/v2/" + repository + "/blobs/uploads/"
	var last error
	for try := range mostUploads {
		start := path
		if len(query) > 0 {
			start += "?" + query.Encode()
		}
		resp, err := r.ask(ctx, http.MethodPost, start, nil, noBody, 0)
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusCreated {
			return nil // mounted
		}
		where, err := uploadAddress(resp, d)
		if err != nil {
			return err
		}
		// An upload that broke off cannot be gone on with (distribution 2.8): begin anew.
		if resp, err = r.once(ctx, http.MethodPut, where, http.Header{"Content-Type": {"application/octet-stream"}}, open, sizeBytes); err == nil {
			return resp.Body.Close()
		}
		if last = err; !temporary(err) || ctx.Err() != nil {
			return err
		}
		if err := pause(ctx, r.delay<<try); err != nil {
			return err
		}
		query = url.Values{}
	}
	return last
}

// mostUploads is how often a blob is sent before it is given up.
const mostUploads = 4

func noBody() (io.ReadCloser, error) { return http.NoBody, nil }

func uploadAddress(resp *http.Response, d digest.Digest) (string, error) {
	at, err := resp.Location()
	if err != nil {
		return "", fmt.Errorf("reading where to upload to: %w", err)
	}
	query := at.Query()
	query.Set("digest", d.String())
	at.RawQuery = query.Encode()
	return at.String(), nil
}

// PutManifest uploads a manifest under a tag or its digest.
func (r *Registry) PutManifest(ctx context.Context, repository, reference, mediaType string, raw []byte) error {
	body := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }
	resp, err := r.ask(ctx, http.MethodPut, "/v2/"+repository+"/manifests/"+reference, http.Header{"Content-Type": {mediaType}}, body, int64(len(raw)))
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	want := digest.FromBytes(raw)
	if got := digest.Digest(resp.Header.Get("Docker-Content-Digest")); got != "" && got != want && got.Algorithm() == want.Algorithm() {
		return fmt.Errorf("uploading %s to %s: %w", reference, repository, errors.Join(&DigestError{Want: want, Got: got}))
	}
	return nil
}
