// Package fakeharbor is a Harbor for tests: in memory, in this process, with
// everything that can go wrong at the turn of a switch.
//
// It is written from what was measured of Harbor 2.15.2 with LDAP (the project's
// facts page), and from Harbor's source where that leaves questions. The page's
// oddities are the point: five kinds of 401, tokens for nobody, a locked account,
// names that are taken for numbers. Tests of package harbor run against this and
// against a real Harbor, so that both stay the same.
//
//	h := fakeharbor.New(fakeharbor.Options{LoginDelay: 200 * time.Millisecond})
//	defer h.Close()
//	h.AddUser(fakeharbor.User{Name: "u001", Password: "secret"})
//	h.AddProject(fakeharbor.Project{Name: "team", Severity: "high"})
//	h.AddMember("team", "u001", fakeharbor.Guest)
//	h.Push("team/app", "1", img)
//	h.SetScan("team/app", "1", &fakeharbor.Scan{Vulnerabilities: …})
//	h.SetDirectory(fakeharbor.DirectoryDown)
//	… use h.URL and h.Host …
//	for _, r := range h.TakeRequests() { … }
//
// # How it is built
//
// Manifests and blobs are kept by go-containerregistry's registry, as Harbor
// keeps them in distribution's; everything else (tags, rights, rules, counts) is
// a "database" of plain structs behind one lock. ServeHTTP reads a request, finds
// out who asks (and waits, if the password is wrong), and answers with the state
// locked into a buffer, so that a slow client holds nobody up.
//
// Methods that change the state (AddUser, Push, …) go past all rights and rules,
// and panic if they make no sense.
//
// # What it is not
//
// Labels, replication, proxy caches, garbage collection and audit logs are
// missing, and of OIDC there is only the login with a secret; so are schedules: a
// retention policy runs when it is told to. Tokens are not signed. Who may do what follows Harbor's roles
// coarsely (access.go).
package fakeharbor
