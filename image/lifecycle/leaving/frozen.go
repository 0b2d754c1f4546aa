package leaving

// Frozen are the departures whose projects and rights are to stay as they are: those who
// give rights (package desired, package onboarding) leave these people and projects
// alone. Rounds would take the rights away again, but not before the next one. The error
// tells of documents that cannot be read, beside the others.
func (o *Office) Frozen() (projects, ids []string, err error) { return FrozenIn(o.Documents) }

// FrozenIn is Frozen for who has the documents and no Office.
func FrozenIn(documents Documents) (projects, ids []string, err error) {
	all, err := (&Office{Documents: documents}).Departures()
	for _, d := range all {
		if d.FrozenAt.IsZero() && d.Before == nil || d.Stage == Cancelled || d.Stage == Returned || d.Stage == Returning || d.Stage == Done {
			continue
		}
		projects, ids = append(projects, d.Project), append(ids, d.ID())
	}
	return projects, ids, err
}
