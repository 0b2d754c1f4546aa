package bundle

import (
	"time"

	"github.com/opencontainers/go-digest"
)

// Version is that of bundle.json. Fields may be added without changing it.
const Version = 1

// Bundle is bundle.json: what is in a bundle, for programs. Every text in it may have
// been written by anybody.
type Bundle struct {
	Version  int       `json:"version"`
	Program  string    `json:"program"` // that made it, with its version
	Made     time.Time `json:"made"`    // when the snapshot was taken
	Reason   string    `json:"reason,omitempty"`
	Owner    Owner     `json:"owner"`
	Registry string    `json:"registry"` // host, with the port if it has one
	// Repositories are all that were looked into, with the project, sorted; also those
	// that were empty.
	Repositories []string `json:"repositories"`
	Images       []Image  `json:"images"`  // sorted by repository, then digest
	Records      []Record `json:"records"` // sorted by file
	// LeftOut is how many artifacts had no tag, and were neither used nor pinned.
	LeftOut int `json:"leftOut"`
	// Gone are digests in one of the repositories that records name and the registry
	// has not any more: somebody had deleted them before.
	Gone []Gone `json:"gone"`
}

// Owner is whose images they are.
type Owner struct {
	ID   string `json:"id"`             // the account
	Name string `json:"name,omitempty"` // as people write it
	Mail string `json:"mail,omitempty"`
}

// Display is the name if it is known, and the account otherwise.
func (o Owner) Display() string {
	if o.Name != "" {
		return o.Name
	}
	return o.ID
}

// Image is an artifact that was asked for: mostly an image, or an index of images for
// several platforms; also a Helm chart or whatever else a registry keeps.
type Image struct {
	Repository   string        `json:"repository"` // with the project
	Digest       digest.Digest `json:"digest"`     // of the manifest
	MediaType    string        `json:"mediaType"`  // of the manifest
	ArtifactType string        `json:"artifactType,omitempty"`
	Kind         string        `json:"kind"` // as Harbor calls it: IMAGE, CHART, …
	Tags         []string      `json:"tags"` // sorted
	// Names are those in images/index.json, sorted: for each tag, and for the digest.
	Names []string `json:"names"`
	// SizeBytes is of all that it consists of, each blob counted once; blobs may be
	// shared with other images.
	SizeBytes   int64       `json:"sizeBytes"`
	Pushed      time.Time   `json:"pushed,omitzero"`
	Created     time.Time   `json:"created,omitzero"` // what the image says itself
	Platforms   []string    `json:"platforms,omitempty"`
	Title       string      `json:"title,omitempty"`
	Description string      `json:"description,omitempty"`
	Pins        []string    `json:"pins,omitempty"` // why it must be kept
	Used        int         `json:"used"`           // how many records name it
	LastUsed    time.Time   `json:"lastUsed,omitzero"`
	Recipe      string      `json:"recipe,omitempty"`      // directory below data
	RecipeError string      `json:"recipeError,omitempty"` // why there is none although the labels promise one
	Accessories []Accessory `json:"accessories,omitempty"` // sorted by subject, then digest
	Elsewhere   []Elsewhere `json:"elsewhere,omitempty"`   // blobs that no registry may hand on
}

// Accessory is something that belongs to an artifact: a signature, an SBOM.
type Accessory struct {
	Type         string        `json:"type"` // as Harbor calls it: signature.cosign, …
	Digest       digest.Digest `json:"digest"`
	MediaType    string        `json:"mediaType"`
	ArtifactType string        `json:"artifactType,omitempty"`
	// Subject is what it belongs to: the image, one of an index's, another accessory.
	Subject   digest.Digest `json:"subject"`
	Tag       string        `json:"tag,omitempty"` // by which tools find it: sha256-….sig
	Name      string        `json:"name"`          // in images/index.json
	SizeBytes int64         `json:"sizeBytes"`
}

// Elsewhere is a blob whose manifest names addresses to get it from, and that the
// registry has not: a layer of Windows that may not be passed on.
type Elsewhere struct {
	Digest    digest.Digest `json:"digest"`
	SizeBytes int64         `json:"sizeBytes"`
	URLs      []string      `json:"urls"`
}

// Record is a provenance record of a job.
type Record struct {
	File    string        `json:"file"` // below data
	Job     string        `json:"job"`
	Started time.Time     `json:"started"`
	Digest  digest.Digest `json:"digest,omitempty"` // of the image that ran
	Image   digest.Digest `json:"image,omitempty"`  // what of Images that is, or is in; empty for none
	Command []string      `json:"command"`
}

// Gone is an artifact that was used and is in the registry no more.
type Gone struct {
	Digest digest.Digest `json:"digest"`
	Name   string        `json:"name"` // as a record has it
	Used   int           `json:"used"` // how many records name it
}

// Summary is a bundle in numbers.
type Summary struct {
	Dir       string        `json:"dir"`
	Owner     Owner         `json:"owner"`
	Made      time.Time     `json:"made"`
	Images    int           `json:"images"`
	Tags      int           `json:"tags"`
	Records   int           `json:"records"`
	LeftOut   int           `json:"leftOut"`
	Files     int           `json:"files"`     // of the payload
	SizeBytes int64         `json:"sizeBytes"` // of the payload
	Digest    digest.Digest `json:"digest"`    // of tagmanifest-sha256.txt: it stands for every byte
	Warnings  []string      `json:"warnings,omitempty"`
}

func (b Bundle) summary(dir string) Summary {
	s := Summary{Dir: dir, Owner: b.Owner, Made: b.Made, Images: len(b.Images), Records: len(b.Records), LeftOut: b.LeftOut}
	for _, image := range b.Images {
		s.Tags += len(image.Tags)
		if image.RecipeError != "" {
			s.Warnings = append(s.Warnings, "the recipe in "+image.String()+" cannot be read: "+image.RecipeError)
		}
		for _, e := range image.Elsewhere {
			s.Warnings = append(s.Warnings, "the registry has not "+e.Digest.String()+" of "+image.String()+", which may not be passed on")
		}
	}
	return s
}

// String names an image for messages: by a tag, or else by its digest.
func (i Image) String() string {
	if len(i.Tags) > 0 {
		return i.Repository + ":" + i.Tags[0]
	}
	return i.Repository + "@" + i.Digest.String()
}
