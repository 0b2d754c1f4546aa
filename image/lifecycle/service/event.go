package service

import (
	"encoding/json"
	"fmt"

	"github.com/jrun-hpc/jrun/image/lifecycle/mirror"
)

// event is what is read of a webhook's body, in either of Harbor's formats:
//
//	{"type":"PUSH_ARTIFACT","event_data":{"repository":{"namespace":"p","name":"app","repo_full_name":"p/app"},…}}
//	{"specversion":"1.0","type":"harbor.artifact.pushed","data":{"repository":{…}}}    (CloudEvents)
//
// Of a retention's the project is in another place. Everything else is not read.
type event struct {
	Data   eventData `json:"event_data"`
	Clouds eventData `json:"data"`
}

type eventData struct {
	Repository struct {
		Project  string `json:"namespace"`
		FullName string `json:"repo_full_name"`
	} `json:"repository"`
	Retention struct {
		Project string `json:"project_name"`
	} `json:"retention"`
}

// parseEvent finds what a webhook's body is about. ok is false for events that are about
// no repository and no project.
func parseEvent(body []byte) (about mirror.Target, ok bool, err error) {
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		return mirror.Target{}, false, fmt.Errorf("reading a webhook: %w", err)
	}
	for _, d := range []eventData{e.Data, e.Clouds} {
		for _, name := range []string{d.Repository.FullName, d.Repository.Project, d.Retention.Project} {
			if t, ok := mirror.ParseTarget(name); ok {
				return t, true, nil
			}
		}
	}
	return mirror.Target{}, false, nil
}
