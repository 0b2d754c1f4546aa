package bundle

import (
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/jrun-hpc/jrun/printable"
	"github.com/opencontainers/go-digest"
)

// The vocabularies of the crate. The second adds ContainerImage with registry, name,
// tag and sha256 (Workflow Run RO-Crate).
const (
	crateContext = "https://w3id.org/ro/crate/1.1/context"
	runContext   = "https://w3id.org/ro/terms/workflow-run/context"
	crateProfile = "https://w3id.org/ro/crate/1.1"
	runProfile   = "https://w3id.org/ro/wfrun/process/0.5"
)

// entity is a node of JSON-LD; maps are written with their keys sorted.
type entity map[string]any

func ref(id string) entity { return entity{"@id": id} }

// crate is ro-crate-metadata.json: RO-Crate 1.1, flat JSON-LD. Its root is data/, as
// the specification has it for a bag (appendix "Combining with other packaging schemes").
func crate(b Bundle) entity {
	person := "#person-" + url.PathEscape(b.Owner.ID)
	root := entity{
		"@id": "./", "@type": "Dataset",
		"name":          "Container images of " + b.Owner.Display(),
		"description":   fmt.Sprintf("All container images of %s from the registry %s, with their recipes and records of what was run with them. %s", b.Owner.Display(), b.Registry, b.Reason),
		"datePublished": b.Made.Format("2006-01-02T15:04:05Z"),
		"license":       ref("#rights"),
		"author":        ref(person),
		"conformsTo":    ref(runProfile),
	}
	root["description"] = strings.TrimSpace(root["description"].(string))
	author := entity{"@id": person, "@type": "Person", "name": b.Owner.Display(), "identifier": b.Owner.ID}
	if b.Owner.Mail != "" {
		author["email"] = b.Owner.Mail
	}
	graph := []entity{
		{"@id": "ro-crate-metadata.json", "@type": "CreativeWork", "conformsTo": ref(crateProfile), "about": ref("./")},
		root, author,
		{"@id": runProfile, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
		{"@id": "#rights", "@type": "CreativeWork", "name": "Rights remain with those who hold them", "description": "The images contain programs of many authors, each under its own licence. Their files inside the images say which."},
		{"@id": "#registry", "@type": "WebSite", "name": b.Registry},
		{"@id": "#jadm", "@type": "SoftwareApplication", "name": b.Program},
		{"@id": "#jrun", "@type": "SoftwareApplication", "name": "jrun"},
		{"@id": "#dockerfile", "@type": "ComputerLanguage", "name": "Dockerfile"},
	}
	parts := []entity{}
	add := func(e entity) {
		graph = append(graph, e)
		parts = append(parts, ref(e["@id"].(string)))
	}
	add(file("README.html", "Index for people, as a page", "text/html"))
	add(file("README.txt", "Index for people, as text", "text/plain"))
	add(file("bundle.json", "Index for programs", "application/json"))
	add(file("digests.txt", "Names and digests", "text/plain"))
	add(entity{"@id": "images/", "@type": "Dataset", "name": "OCI image layout with all images"})
	described := map[string]bool{}
	for _, image := range b.Images {
		for _, e := range imageEntities(b, image) {
			if id := e["@id"].(string); !described[id] {
				described[id] = true
				add(e)
			}
		}
	}
	var mentions []entity
	for _, r := range b.Records {
		id := crateID(r.File)
		add(file(id, "Record of "+r.Job, "application/json"))
		run := runEntity(b, r, person)
		graph = append(graph, run)
		graph = append(graph, entity{"@id": commandID(r), "@type": "PropertyValue", "name": "command", "value": commandText(r.Command)})
		mentions = append(mentions, ref(run["@id"].(string)))
	}
	root["hasPart"] = parts
	if mentions != nil {
		root["mentions"] = mentions
	}
	// How the bundle came to be.
	graph = append(graph, entity{
		"@id": "#bundle", "@type": "CreateAction", "name": "Bundle the images", "endTime": b.Made.Format("2006-01-02T15:04:05Z"),
		"instrument": ref("#jadm"), "object": ref("#registry"), "result": ref("./"), "agent": ref(person),
	})
	return entity{"@context": []string{crateContext, runContext}, "@graph": graph}
}

func file(id, name, format string) entity {
	return entity{"@id": id, "@type": "File", "name": name, "encodingFormat": format}
}

// crateID is a path as a relative IRI.
func crateID(name string) string { return recipeURL(path.Dir(name), path.Base(name)) }

// manifestID is where an artifact's manifest is, below data.
func manifestID(d digest.Digest) string {
	return strings.TrimPrefix(blobFile(d), dataDir+"/")
}

// imageEntities are the image by its manifest, its accessories, and its recipe.
func imageEntities(b Bundle, image Image) []entity {
	id := manifestID(image.Digest)
	e := entity{
		"@id": id, "@type": []string{"File", "ContainerImage", "SoftwareApplication"},
		"name": image.Repository, "identifier": image.Digest.String(), "encodingFormat": image.MediaType,
		"registry": b.Registry, "sha256": image.Digest.Encoded(), "storageRequirements": fmt.Sprintf("%d B", image.SizeBytes),
	}
	if len(image.Tags) > 0 {
		e["tag"] = image.Tags
	}
	if image.Title != "" {
		e["alternateName"] = image.Title
	}
	if image.Description != "" {
		e["description"] = image.Description
	}
	if !image.Created.IsZero() {
		e["dateCreated"] = image.Created.Format("2006-01-02T15:04:05Z")
	}
	if !image.Pushed.IsZero() {
		e["datePublished"] = image.Pushed.Format("2006-01-02T15:04:05Z")
	}
	if len(image.Platforms) > 0 {
		e["operatingSystem"] = strings.Join(image.Platforms, ", ")
	}
	var more []entity
	var belongs []entity
	for _, a := range image.Accessories {
		accessory := file(manifestID(a.Digest), a.Type+" of "+image.String(), a.MediaType)
		accessory["identifier"] = a.Digest.String()
		accessory["about"] = ref(id) // it may belong to one of an index's; bundle.json says which
		more = append(more, accessory)
		belongs = append(belongs, ref(accessory["@id"].(string)))
	}
	if belongs != nil {
		e["subjectOf"] = belongs
	}
	if image.Recipe != "" {
		recipe := recipeURL(image.Recipe, "Dockerfile")
		e["isBasedOn"] = ref(recipe)
		more = append(more, entity{
			"@id": recipe, "@type": []string{"File", "SoftwareSourceCode"}, "name": "How " + image.String() + " was made",
			"programmingLanguage": ref("#dockerfile"), "encodingFormat": "text/plain",
		})
	}
	return append([]entity{e}, more...)
}

// runEntity is something that was run. Its object is the command line: what it read
// and wrote is not known.
func runEntity(b Bundle, r Record, person string) entity {
	run := entity{
		"@id": "#run-" + strings.TrimSuffix(path.Base(r.File), ".json"), "@type": "CreateAction", "name": printable.Line(r.Job),
		"startTime": r.Started.Format("2006-01-02T15:04:05Z"), "agent": ref(person), "subjectOf": ref(crateID(r.File)), "object": ref(commandID(r)),
	}
	for _, image := range b.Images {
		if image.Digest == r.Image {
			run["instrument"] = ref(manifestID(image.Digest))
			return run
		}
	}
	run["instrument"] = ref("#jrun")
	return run
}

func commandID(r Record) string { return "#command-" + strings.TrimSuffix(path.Base(r.File), ".json") }
