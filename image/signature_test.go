package image

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
)

// policyFile writes a policy.json and makes it the one that counts.
func policyFile(t *testing.T, text string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy.json")
	writeFile(t, path, []byte(text))
	t.Setenv("CONTAINERS_POLICY_JSON", path)
}

const acceptAll = `{"default":[{"type":"insecureAcceptAnything"}]}`

func TestSignaturePolicy(t *testing.T) {
	reg := newRegistry(t)
	img := twoLayers("gzip")
	ref := reg.push(t, "lab/app", "1", img)
	layout := filepath.Join(t.TempDir(), "layout")
	writeLayout(t, layout, []string{"1"}, img)
	local := mustParse(t, "oci:"+layout+":1")
	rejectHere := `{"default":[{"type":"insecureAcceptAnything"}],"transports":{"docker":{"` + reg.host + `/lab":[{"type":"reject"}]}}}`
	rejectElsewhere := `{"default":[{"type":"insecureAcceptAnything"}],"transports":{"docker":{"` + reg.host + `/other":[{"type":"reject"}]}}}`
	for name, tt := range map[string]struct {
		policy       string
		registry, of bool // what may run: of the registry, of the layout
	}{
		"anything":             {acceptAll, true, true},
		"nothing":              {`{"default":[{"type":"reject"}]}`, false, false},
		"not this project":     {rejectHere, false, true},
		"not another project":  {rejectElsewhere, true, true},
		"no layouts":           {`{"default":[{"type":"insecureAcceptAnything"}],"transports":{"oci":{"":[{"type":"reject"}]}}}`, true, false},
		"torn":                 {`{"default":`, false, false},
		"a policy without any": {`{}`, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			policyFile(t, tt.policy)
			for ref, want := range map[Reference]bool{ref: tt.registry, local: tt.of} {
				st := openStore(t)
				for range 2 { // when it is in the store, too
					_, _, err := NewClient(Options{}).Ensure(t.Context(), st, ref, nil)
					if got := err == nil; got != want {
						t.Errorf("%s: %v", ref, err)
					}
					if err != nil {
						wantFault(t, err)
					}
					_, err = NewClient(Options{}).Export(t.Context(), st, ref, filepath.Join(t.TempDir(), "x.sqfs"), conversion, false, nil)
					if got := err == nil; got != want {
						t.Errorf("export of %s: %v", ref, err)
					}
				}
				if objects, err := st.List(); err != nil || len(objects) > 0 != want {
					t.Errorf("in the store: %v, %v", objects, err)
				}
			}
		})
	}
	t.Run("named and missing", func(t *testing.T) {
		t.Setenv("CONTAINERS_POLICY_JSON", "/nonexistent/policy.json")
		_, _, err := NewClient(Options{}).Ensure(t.Context(), openStore(t), ref, nil)
		wantFault(t, err)
	})
}

// TestStricterPolicyLater: what is in the store is looked at again when the policy
// has changed, and only then.
func TestStricterPolicyLater(t *testing.T) {
	reg := newRegistry(t)
	img := twoLayers("gzip")
	ref := reg.push(t, "lab/app", "1", img)
	st := openStore(t)
	policyFile(t, acceptAll)
	if _, _, err := NewClient(Options{}).Ensure(t.Context(), st, ref, nil); err != nil {
		t.Fatal(err)
	}
	policyFile(t, `{"default":[{"type":"reject"}]}`)
	_, _, err := NewClient(Options{}).Ensure(t.Context(), st, ref, nil)
	wantFault(t, err)
	if !errors.Is(err, ErrUnsigned) {
		t.Errorf("got %v", err)
	}
}

// TestSigstoreSignature: an image signed as cosign signs, attached in the
// registry, with a key of our own. What was accepted costs no more requests.
func TestSigstoreSignature(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	keyFile := filepath.Join(t.TempDir(), "cosign.pub")
	writeFile(t, keyFile, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
	reg := newRegistry(t)
	attachments := t.TempDir()
	writeFile(t, filepath.Join(attachments, "default.yaml"), []byte("default-docker:\n  use-sigstore-attachments: true\n"))
	client := NewClient(Options{})
	client.base.RegistriesDirPath = attachments // image/v5 looks for the user's directory only once
	policyFile(t, fmt.Sprintf(`{"default":[{"type":"reject"}],"transports":{"docker":{%q:[{"type":"sigstoreSigned","keyPath":%q,"signedIdentity":{"type":"matchRepository"}}]}}}`, reg.host, keyFile))

	signed, unsigned, forged := twoLayers("gzip"), twoLayers("none"), twoLayers("zstd")
	good := reg.push(t, "lab/signed", "1", signed)
	bad := reg.push(t, "lab/unsigned", "1", unsigned)
	wrong := reg.push(t, "lab/forged", "1", forged)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	reg.sign(t, "lab/signed", signed.digest(), key)
	reg.sign(t, "lab/forged", forged.digest(), other)
	st := openStore(t)
	if _, _, err := client.Ensure(t.Context(), st, good, nil); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []Reference{bad, wrong} {
		_, _, err := client.Ensure(t.Context(), st, ref, nil)
		if wantFault(t, err); !errors.Is(err, ErrUnsigned) {
			t.Errorf("%s: %v", ref, err)
		}
	}
	reg.take()
	if _, _, err := client.Ensure(t.Context(), st, good, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"HEAD /v2/lab/signed/manifests/1"}, reg.take()); diff != "" {
		t.Errorf("requests for what was accepted: %s", diff)
	}
}

// sign attaches a signature to a manifest, as cosign(1) does: an image under the
// tag sha256-….sig with the simple signing payload as its layer.
func (reg *testRegistry) sign(t *testing.T, repository string, d digest.Digest, key *ecdsa.PrivateKey) {
	t.Helper()
	payload := fmt.Appendf(nil, `{"critical":{"identity":{"docker-reference":%q},"image":{"docker-manifest-digest":%q},"type":"cosign container image signature"},"optional":null}`,
		reg.host+"/"+repository, d)
	sum := digest.FromBytes(payload)
	raw, err := ecdsa.SignASN1(rand.Reader, key, mustHex(t, sum.Encoded()))
	if err != nil {
		t.Fatal(err)
	}
	config := []byte(`{"architecture":"","os":"","rootfs":{"type":"layers","diff_ids":["` + sum.String() + `"]}}`)
	for _, blob := range [][]byte{payload, config} {
		reg.put(t, http.MethodPost, fmt.Sprintf("/v2/%s/blobs/uploads/?digest=%s", repository, digest.FromBytes(blob)), "application/octet-stream", blob)
	}
	m := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},`+
		`"layers":[{"mediaType":"application/vnd.dev.cosign.simplesigning.v1+json","digest":%q,"size":%d,"annotations":{"dev.cosignproject.cosign/signature":%q}}]}`,
		digest.FromBytes(config), len(config), sum, len(payload), base64.StdEncoding.EncodeToString(raw))
	reg.put(t, http.MethodPut, "/v2/"+repository+"/manifests/"+strings.Replace(d.String(), ":", "-", 1)+".sig", "application/vnd.oci.image.manifest.v1+json", []byte(m))
	reg.take()
}

func mustHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
