package harbor

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// manifestUnknown is the storage registry's code. Harbor's own, from its
// database, is NOT_FOUND.
const manifestUnknown = "MANIFEST_UNKNOWN"

// missing explains a 404: the repository or the tag.
func (d *detective) missing(ctx context.Context) Cause {
	if d.reading() && (d.q.Body == nil || d.found.Code == manifestUnknown) {
		// The first request may have lacked the right Accept.
		got, err := d.manifest(ctx)
		switch {
		case err != nil:
			return d.stuck(err)
		case got.status < http.StatusMultipleChoices:
			return Passing
		case got.status != http.StatusNotFound:
			return Unknown
		case d.found.Code == manifestUnknown:
			return Lost
		}
	}
	got, err := d.registry(ctx, "/tags/list", "application/json")
	switch {
	case errors.Is(err, errSpent):
		return absent(d.found.Message)
	case err != nil:
		return d.stuck(err)
	case got.status == http.StatusNotFound:
		return NoRepository
	case got.status != http.StatusOK:
		return Unknown
	}
	var list struct {
		Tags []string `json:"tags"`
	}
	if json.Unmarshal(got.body, &list) == nil {
		for _, tag := range list.Tags {
			d.found.Tags = append(d.found.Tags, oneLine(tag))
		}
	}
	return NoTag
}

// Harbor's words for what is not there (controller/artifact, pkg/repository/dao).
const (
	saysNoRepository = "repository "
	saysNoArtifact   = "artifact "
)

// absent goes by Harbor's words, when no more may be asked.
func absent(message string) Cause {
	switch {
	case strings.HasPrefix(message, saysNoRepository):
		return NoRepository
	case strings.HasPrefix(message, saysNoArtifact):
		return NoTag
	}
	return Unknown
}
