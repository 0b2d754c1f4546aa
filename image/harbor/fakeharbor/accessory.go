package fakeharbor

import (
	"net/http"
	"strings"
)

// Types of accessories.
const (
	cosignSignature   = "signature.cosign"
	notationSignature = "signature.notation"
	otherAccessory    = "subject.accessory"
)

// accessoryType is of a manifest with a subject.
func accessoryType(m manifest) string {
	kind := m.ArtifactType
	if kind == "" {
		kind = m.Config.MediaType
	}
	switch kind {
	case "application/vnd.dev.cosign.artifact.sig.v1+json":
		return cosignSignature
	case "application/vnd.cncf.notary.signature":
		return notationSignature
	}
	return otherAccessory
}

// signature makes a cosign signature of what is pushed under its tag:
// sha256-….sig belongs to sha256:….
func signature(tag string, a *artifact) {
	hex, ok := strings.CutSuffix(tag, ".sig")
	hex, ours := strings.CutPrefix(hex, "sha256-")
	if subject := "sha256:" + hex; ok && ours && digestGrammar.MatchString(subject) {
		a.subject, a.accessory = subject, cosignSignature
	}
}

// serveReferrers lists the accessories of a digest as an index.
func (s *Server) serveReferrers(q question) {
	list := []object{}
	if repo := q.p.repo(q.name); repo != nil {
		for _, a := range repo.artifacts {
			if a.subject == q.last {
				list = append(list, object{"mediaType": a.mediaType, "digest": a.digest, "size": a.size})
			}
		}
	}
	q.w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
	reply(q.w, http.StatusOK, object{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": list})
}
