package vmlease

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Path is where jbuild reports to.
const Path = "/v1/workspaces"

// HandlerOptions say what a handler works with.
type HandlerOptions struct {
	Reports Reports
	Checker *Checker
	Now     func() time.Time
	Log     *slog.Logger // of what fails here; never of credentials. Nil for none
}

// handler serves Path.
type handler struct {
	o         HandlerOptions
	addresses *allowance
	users     *allowance
}

// How much one may send. jbuild reports after each session, so bursts are normal.
const (
	addressBurst, addressInterval = 60, 2 * time.Second // a whole class may be behind one address
	userBurst, userInterval       = 30, 10 * time.Second
)

// NewHandler serves POST and GET of Path: reporting, and seeing what one has reported. It
// asks for the user's own login to the registry (Basic), and refuses it when it came in
// the clear from another machine.
func NewHandler(o HandlerOptions) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	h := &handler{o: o, addresses: newAllowance(addressBurst, addressInterval), users: newAllowance(userBurst, userInterval)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+Path, h.post)
	mux.HandleFunc("GET "+Path, h.get)
	return mux
}

func (h *handler) post(w http.ResponseWriter, r *http.Request) {
	user, ok := h.user(w, r)
	if !ok {
		return
	}
	// What a page in a browser could make it send is not this.
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		refuse(w, http.StatusUnsupportedMediaType, "a report is application/json")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostReport))
	if err != nil {
		var long *http.MaxBytesError
		if errors.As(err, &long) {
			refuse(w, http.StatusRequestEntityTooLarge, "the report is longer than "+strconv.Itoa(mostReport)+" bytes")
		}
		return // the client is gone
	}
	report, err := parseReport(body)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	report.User, report.Received = user, h.o.Now().UTC()
	err = h.o.Reports.Put(report)
	switch {
	case errors.Is(err, errMachines):
		refuse(w, http.StatusConflict, err.Error())
	case err != nil:
		h.o.Log.Error("a report of workspaces could not be kept", "user", user, "error", err)
		refuse(w, http.StatusInternalServerError, "the report could not be kept; it is tried again later")
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func (h *handler) get(w http.ResponseWriter, r *http.Request) {
	user, ok := h.user(w, r)
	if !ok {
		return
	}
	reports, err := h.o.Reports.Of(user)
	if err != nil {
		h.o.Log.Error("reports of workspaces could not be read", "user", user, "error", err)
		refuse(w, http.StatusInternalServerError, "the reports cannot be read just now")
		return
	}
	if reports == nil {
		reports = []Report{}
	}
	answer(w, http.StatusOK, map[string]any{"reports": reports})
}

// user is whose login the request has. It has answered if there is none.
func (h *handler) user(w http.ResponseWriter, r *http.Request) (string, bool) {
	if r.TLS == nil && !local(r) {
		refuse(w, http.StatusForbidden, "a login is not taken in the clear; use https")
		return "", false
	}
	if wait := h.addresses.take(address(r), h.o.Now()); wait > 0 {
		later(w, wait)
		return "", false
	}
	name, password, ok := r.BasicAuth()
	switch {
	case !ok || name == "" || password == "":
		unauthorized(w, "a report needs your login to the registry; log in: jbuild login")
		return "", false
	case len(name) > mostName || len(password) > 4<<10:
		unauthorized(w, errWrong.Error())
		return "", false
	}
	if wait := h.users.take(strings.ToLower(name), h.o.Now()); wait > 0 {
		later(w, wait)
		return "", false
	}
	user, err := h.o.Checker.Check(r.Context(), name, password)
	switch {
	case err == nil:
		return user, true
	case errors.Is(err, errRobot):
		refuse(w, http.StatusForbidden, err.Error())
	case errors.Is(err, errOften):
		later(w, firstPause)
	case errors.Is(err, errCannot):
		refuse(w, http.StatusServiceUnavailable, err.Error())
	default:
		unauthorized(w, errWrong.Error())
	}
	return "", false
}

// remote is the address at the other end of the connection.
func remote(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// local reports whether a request came from this machine: a proxy that has taken TLS
// off, or a test.
func local(r *http.Request) bool {
	return remote(r).IsLoopback() && !strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "http")
}

// address is whom a request is counted for: the client of a proxy on this machine, and a
// network of IPv6, which one machine has for itself.
func address(r *http.Request) string {
	a := remote(r)
	if a.IsLoopback() {
		behind := r.Header.Values("X-Forwarded-For")
		if n := len(behind); n > 0 {
			last := behind[n-1] // what the proxy itself has written
			if at := strings.LastIndexByte(last, ','); at >= 0 {
				last = last[at+1:]
			}
			if client, err := netip.ParseAddr(strings.TrimSpace(last)); err == nil {
				a = client.Unmap().WithZone("")
			}
		}
	}
	if a.Is6() {
		if network, err := a.Prefix(64); err == nil {
			return network.String()
		}
	}
	return a.String()
}

func unauthorized(w http.ResponseWriter, why string) {
	w.Header().Set("WWW-Authenticate", `Basic realm="jadm", charset="UTF-8"`)
	refuse(w, http.StatusUnauthorized, why)
}

func later(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
	refuse(w, http.StatusTooManyRequests, "too many requests; wait a while")
}

func refuse(w http.ResponseWriter, status int, why string) {
	answer(w, status, map[string]string{"error": why})
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // the client may be gone
}
