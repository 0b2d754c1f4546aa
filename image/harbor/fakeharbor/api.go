package fakeharbor

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// object is a JSON object. The fake writes its JSON by hand: with the client's
// types both would share their mistakes.
type object = map[string]any

// reply answers with JSON.
func reply(w http.ResponseWriter, status int, body any) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		misuse("%v", err)
	}
}

// refuse answers in the one shape of Harbor's errors.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	reply(w, status, object{"errors": []object{{"code": code, "message": message}}})
}

// apiCall is one call of the REST API.
type apiCall struct {
	w   http.ResponseWriter
	r   *http.Request
	who *identity
}

type apiKey struct{}

// serveAPI is what holds for all calls: sessions, and the database.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request, who *identity) {
	if _, err := r.Cookie(sidCookie); err == nil && r.Method != http.MethodGet && r.Method != http.MethodHead {
		refuse(w, http.StatusForbidden, "FORBIDDEN", "CSRF token not found in request")
		return
	}
	if s.ofSession(r) == nil {
		http.SetCookie(w, &http.Cookie{Name: sidCookie, Value: strconv.FormatInt(s.id(), 16), Path: "/", HttpOnly: true})
	}
	if s.switches.databaseDown.on {
		s.withoutDatabase(w, r, who)
		return
	}
	if size, err := strconv.Atoi(r.URL.Query().Get("page_size")); err == nil && size > 100 {
		refuse(w, http.StatusUnprocessableEntity, "UNPROCESSABLE_ENTITY", "page_size in query should be less than or equal to 100")
		return
	}
	r = r.WithContext(withCaller(r.Context(), who))
	s.api.ServeHTTP(w, r)
}

// healthPath is where Harbor tells everybody how it is.
const healthPath = "/api/v2.0/health"

// withoutDatabase answers what Harbor can from memory; systeminfo is among it,
// because the configuration is cached.
func (s *Server) withoutDatabase(w http.ResponseWriter, r *http.Request, who *identity) {
	switch path := r.URL.Path; {
	case path == healthPath, path == "/api/v2.0/systeminfo":
		s.api.ServeHTTP(w, r.WithContext(withCaller(r.Context(), who)))
	case path == "/api/v2.0/users/current", path == "/api/v2.0/projects" && r.Method == http.MethodHead:
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "unauthorized")
	default:
		refuse(w, http.StatusInternalServerError, "UNKNOWN", "internal server error")
	}
}

// routes are the calls that the fake knows. Segments are decoded once, as nginx
// does; repositories a second time, as Harbor does.
func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	const projects = "/api/v2.0/projects/{project}"
	const repos = projects + "/repositories/{repository}"
	const artifacts = repos + "/artifacts/{reference}"
	for pattern, serve := range map[string]func(apiCall){
		"GET " + healthPath:           s.getHealth,
		"GET /api/v2.0/systeminfo":    s.getSystemInfo,
		"GET /api/v2.0/users/current": s.getCurrentUser,
		"GET /api/v2.0/users/search":  s.searchUsers,
		"GET /api/v2.0/users":         s.listUsers,

		"GET /api/v2.0/usergroups": s.listGroups,

		"PUT /api/v2.0/users/{id}/cli_secret": s.setSecret,

		"HEAD /api/v2.0/projects": s.headProject,
		"GET /api/v2.0/projects":  s.listProjects,
		"POST /api/v2.0/projects": s.createProject,
		"GET " + projects:         s.in("project", "read", s.getProject),
		"PUT " + projects:         s.in("project", "update", s.updateProject),
		"DELETE " + projects:      s.in("project", "delete", s.deleteProject),

		"GET " + projects + "/summary":          s.in("project", "read", s.getSummary),
		"GET " + projects + "/members":          s.in("member", "list", s.listMembers),
		"POST " + projects + "/members":         s.in("member", "create", s.createMember),
		"PUT " + projects + "/members/{id}":     s.in("member", "update", s.updateMember),
		"DELETE " + projects + "/members/{id}":  s.in("member", "delete", s.deleteMember),
		"GET " + projects + "/webhook/policies": s.in("notification-policy", "list", s.listWebhooks),

		"POST " + projects + "/webhook/policies":        s.in("notification-policy", "create", s.createWebhook),
		"PUT " + projects + "/webhook/policies/{id}":    s.in("notification-policy", "update", s.updateWebhook),
		"DELETE " + projects + "/webhook/policies/{id}": s.in("notification-policy", "delete", s.deleteWebhook),

		"GET " + projects + "/immutabletagrules":         s.in("immutable-tag", "list", s.listImmutable),
		"POST " + projects + "/immutabletagrules":        s.in("immutable-tag", "create", s.createImmutable),
		"PUT " + projects + "/immutabletagrules/{id}":    s.in("immutable-tag", "update", s.updateImmutable),
		"DELETE " + projects + "/immutabletagrules/{id}": s.in("immutable-tag", "delete", s.deleteImmutable),

		"GET " + projects + "/repositories": s.in("repository", "list", s.listRepositories),
		"GET " + repos:                      s.in("repository", "read", s.getRepository),
		"DELETE " + repos:                   s.in("repository", "delete", s.deleteRepository),
		"GET " + projects + "/artifacts":    s.in("artifact", "list", s.listProjectArtifacts),
		"GET " + repos + "/artifacts":       s.in("artifact", "list", s.listArtifacts),
		"POST " + repos + "/artifacts":      s.in("artifact", "create", s.copyArtifact),
		"GET " + artifacts:                  s.in("artifact", "read", s.getArtifact),
		"DELETE " + artifacts:               s.in("artifact", "delete", s.deleteArtifact),
		"POST " + artifacts + "/tags":       s.in("tag", "create", s.createTag),

		"DELETE " + artifacts + "/tags/{tag}":             s.in("tag", "delete", s.deleteTag),
		"GET " + artifacts + "/accessories":               s.in("accessory", "list", s.listAccessories),
		"GET " + artifacts + "/additions/vulnerabilities": s.in("artifact-addition", "read", s.getVulnerabilities),
		"POST " + artifacts + "/scan":                     s.in("scan", "create", s.scanArtifact),

		"GET /api/v2.0/robots":         s.listRobots,
		"POST /api/v2.0/robots":        s.createRobot,
		"GET /api/v2.0/robots/{id}":    s.ofRobot("read", s.getRobot),
		"PUT /api/v2.0/robots/{id}":    s.ofRobot("update", s.updateRobot),
		"PATCH /api/v2.0/robots/{id}":  s.ofRobot("update", s.refreshRobot),
		"DELETE /api/v2.0/robots/{id}": s.ofRobot("delete", s.deleteRobot),

		"GET /api/v2.0/quotas":      s.listQuotas,
		"PUT /api/v2.0/quotas/{id}": s.updateQuota,

		"POST /api/v2.0/retentions":                 s.createRetention,
		"GET /api/v2.0/retentions/{id}":             s.ofRetention("read", s.getRetention),
		"PUT /api/v2.0/retentions/{id}":             s.ofRetention("update", s.updateRetention),
		"DELETE /api/v2.0/retentions/{id}":          s.ofRetention("delete", s.deleteRetention),
		"POST /api/v2.0/retentions/{id}/executions": s.ofRetention("update", s.runRetention),
		"GET /api/v2.0/retentions/{id}/executions":  s.ofRetention("list", s.listRetentionRuns),

		"GET /api/v2.0/retentions/{id}/executions/{execution}/tasks": s.ofRetention("list", s.listRetentionTasks),
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			serve(apiCall{w, r, caller(r.Context())})
		})
	}
	return mux
}

// in is for calls about a project. Only an administrator is told that there is
// none.
func (s *Server) in(resource, action string, serve func(apiCall, *project)) func(apiCall) {
	return func(c apiCall) {
		p := s.projectOrID(c.r.PathValue("project"), c.r.Header.Get("X-Is-Resource-Name") == "true")
		switch {
		case p == nil && c.admin():
			c.notFound("project %s not found", c.r.PathValue("project"))
		case p == nil || !s.may(c.who, p, resource, action):
			c.forbid()
		default:
			serve(c, p)
		}
	}
}

func (c apiCall) admin() bool { return c.who.user != nil && c.who.user.Admin }

// forbid is 401 to nobody, and 403 to somebody.
func (c apiCall) forbid() {
	if !c.who.known() {
		refuse(c.w, http.StatusUnauthorized, "UNAUTHORIZED", "unauthorized")
		return
	}
	refuse(c.w, http.StatusForbidden, "FORBIDDEN", "forbidden")
}

func (c apiCall) notFound(format string, args ...any) {
	refuse(c.w, http.StatusNotFound, "NOT_FOUND", fmt.Sprintf(format, args...))
}

func (c apiCall) badRequest(format string, args ...any) {
	refuse(c.w, http.StatusBadRequest, "BAD_REQUEST", fmt.Sprintf(format, args...))
}

// created answers with where the new thing is.
func (c apiCall) created(id int64) {
	c.w.Header().Set("Location", strings.TrimSuffix(c.r.URL.EscapedPath(), "/")+"/"+strconv.FormatInt(id, 10))
	c.w.WriteHeader(http.StatusCreated)
}

// body decodes the request into v; false when it has answered that it cannot.
func (c apiCall) body(v any) bool {
	text, err := io.ReadAll(c.r.Body)
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		refuse(c.w, http.StatusUnprocessableEntity, "UNPROCESSABLE_ENTITY", "parsing body failed")
	}
	return err == nil
}

// id is the last id of the path.
func (c apiCall) id() int64 {
	id, err := strconv.ParseInt(c.r.PathValue("id"), 10, 64)
	if err != nil {
		return -1
	}
	return id
}

// repository is the name of the path, decoded once more; a name that was
// encoded once only has become two segments behind nginx, and is not found.
func (c apiCall) repository() string {
	name := c.r.PathValue("repository")
	decoded, err := url.PathUnescape(name)
	if err != nil || strings.Contains(name, "/") {
		return ""
	}
	return decoded
}

// list answers with the page that is asked for.
func (c apiCall) list(items []object) {
	query := c.r.URL.Query()
	number := func(name string, otherwise int) int {
		if n, err := strconv.Atoi(query.Get(name)); err == nil && n > 0 {
			return n
		}
		return otherwise
	}
	page, size := number("page", 1), number("page_size", 10)
	c.w.Header().Set("X-Total-Count", strconv.Itoa(len(items)))
	from := min((page-1)*size, len(items))
	shown := items[from:min(from+size, len(items))]
	if shown == nil {
		shown = []object{}
	}
	reply(c.w, http.StatusOK, shown)
}

// when writes a time as Harbor does; never is the year one.
func when(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
