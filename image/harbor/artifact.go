package harbor

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
)

// Artifact is a manifest or an index, with what Harbor knows of it.
type Artifact struct {
	ID int64 `json:"id"`
	// Repository is its repository, with the project; only of ProjectArtifacts.
	Repository string        `json:"repository_name"`
	Digest     digest.Digest `json:"digest"`
	Type       string        `json:"type"` // IMAGE, CHART, …
	MediaType  string        `json:"manifest_media_type"`
	SizeBytes  int64         `json:"size"` // config, layers and manifest, compressed
	Pushed     time.Time     `json:"push_time"`
	// Pulled is the last GET of the manifest; zero for never. HEAD does not
	// count, so an image that runs daily out of a store may look unused.
	Pulled      time.Time   `json:"pull_time"`
	Tags        []Tag       `json:"tags"` // none for an artifact that lost its last tag
	Accessories []Accessory `json:"accessories"`
	// Children are what an index names, one for each platform. Those without a tag of
	// their own are not listed, and go with the last index that names them.
	Children []Child                  `json:"references"`
	Scans    map[string]*ScanOverview `json:"scan_overview"` // by MIME type of the report
}

// Child is a manifest in an index.
type Child struct {
	Digest digest.Digest `json:"child_digest"`
}

// Tag is a name of an artifact.
type Tag struct {
	Name      string    `json:"name"`
	Pushed    time.Time `json:"push_time"`
	Pulled    time.Time `json:"pull_time"`
	Immutable bool      `json:"immutable"` // a rule forbids to move or remove it
}

// Accessory is something that belongs to an artifact: a signature, an SBOM.
type Accessory struct {
	Type      string        `json:"type"` // CosignSignature, …
	Digest    digest.Digest `json:"digest"`
	Subject   digest.Digest `json:"subject_artifact_digest"`
	SizeBytes int64         `json:"size"`
	Created   time.Time     `json:"creation_time"`
}

// Types of accessories that satisfy a project's content trust.
const (
	CosignSignature   = "signature.cosign"
	NotationSignature = "signature.notation"
)

// Signed reports whether a has a signature of the type.
func (a Artifact) Signed(kind string) bool {
	for _, acc := range a.Accessories {
		if acc.Type == kind {
			return true
		}
	}
	return false
}

// Scan is the overview of the newest kind of report, or nil.
func (a Artifact) Scan() *ScanOverview {
	for _, kind := range reportTypes {
		if s := a.Scans[kind]; s != nil {
			return s
		}
	}
	return nil
}

// withAll asks for everything that an Artifact has fields for.
var withAll = url.Values{
	"with_tag": {"true"}, "with_immutable_status": {"true"}, "with_accessory": {"true"}, "with_scan_overview": {"true"},
}

// acceptReports names the kinds of reports that this package reads.
func acceptReports() http.Header {
	return http.Header{"X-Accept-Vulnerabilities": {strings.Join(reportTypes, ", ")}}
}

// Artifacts are all of a repository, without the accessories and those parts of an
// index that have no tag, which are listed with what they belong to. A missing repository has none: Harbor says 200.
func (c *Client) Artifacts(ctx context.Context, project, repository string) iter.Seq2[Artifact, error] {
	return pages[Artifact](ctx, c, repositoryPath(project, repository)+"/artifacts", withAll, acceptReports())
}

// Artifact asks for one, by tag or digest.
func (c *Client) Artifact(ctx context.Context, project, repository, reference string) (Artifact, error) {
	var a Artifact
	q := call{method: http.MethodGet, path: artifactPath(project, repository, reference), query: withAll, header: acceptReports()}
	_, err := c.do(ctx, q, &a)
	return a, err
}

// DeleteArtifact removes an artifact with all its tags, and with what an index holds.
// By a tag it removes the artifact too; see DeleteTag. What an index holds cannot be
// removed before it: 412.
func (c *Client) DeleteArtifact(ctx context.Context, project, repository, reference string) error {
	return c.remove(ctx, artifactPath(project, repository, reference))
}

// AddTag gives an artifact one more name; 409 when another has it.
func (c *Client) AddTag(ctx context.Context, project, repository, reference, tag string) error {
	q := call{method: http.MethodPost, path: artifactPath(project, repository, reference) + "/tags", body: map[string]any{"name": tag}}
	_, err := c.do(ctx, q, nil)
	return err
}

// DeleteTag removes a name. The artifact stays, and can be pulled by digest.
func (c *Client) DeleteTag(ctx context.Context, project, repository, reference, tag string) error {
	return c.remove(ctx, artifactPath(project, repository, reference)+"/tags/"+url.PathEscape(tag))
}

// Accessories are what belongs to an artifact.
func (c *Client) Accessories(ctx context.Context, project, repository, reference string) iter.Seq2[Accessory, error] {
	return pages[Accessory](ctx, c, artifactPath(project, repository, reference)+"/accessories", nil, nil)
}

// TouchManifest gets a manifest from the registry as jobs do, and throws it away: so
// Harbor's pull time tells that the artifact is in use. (HEAD, which jrun asks with, does
// not count.) Harbor writes the time down some seconds later. It needs the digest: a tag
// might stand for another one by now. 404 when the artifact is not there any more, 412
// when a rule of the project forbids to pull it.
func (c *Client) TouchManifest(ctx context.Context, project, repository string, d digest.Digest) error {
	if err := d.Validate(); err != nil {
		return err
	}
	q := call{method: http.MethodGet, path: manifestPath(project, repository, d), header: http.Header{"Accept": {manifestTypes}}}
	got, err := c.patiently(ctx, q)
	if err != nil {
		return err
	}
	if back := digest.FromBytes(got.body); d.Algorithm() == digest.SHA256 && back != d {
		return fmt.Errorf("reading the manifest %s of %s/%s: its bytes have the digest %s", d, project, repository, back)
	}
	return nil
}

// manifestPath is the path of a manifest in the registry's own interface, where the
// slashes of names are no data.
func manifestPath(project, repository string, d digest.Digest) string {
	words := strings.Split(project+"/"+repository, "/")
	for i, word := range words {
		words[i] = url.PathEscape(word)
	}
	return "/v2/" + strings.Join(words, "/") + "/manifests/" + d.String()
}
