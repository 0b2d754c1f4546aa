package fakeharbor_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/opencontainers/go-digest"
)

// TestBrokenUploads: what is left of a PATCH that breaks off, as both versions of
// distribution were measured.
func TestBrokenUploads(t *testing.T) {
	for _, test := range []struct {
		name          string
		distribution3 bool
		status        int
		resumedFrom   string
	}{
		{"2.8 loses the session", false, http.StatusNotFound, ""},
		{"3 goes on", true, http.StatusNoContent, "0-6"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := fakeharbor.New(fakeharbor.Options{Distribution3: test.distribution3})
			defer h.Close()
			h.AddProject(fakeharbor.Project{Name: "team"})
			ask := func(method, address, contentRange, body string) *http.Response {
				t.Helper()
				r, err := http.NewRequest(method, address, bytes.NewReader([]byte(body)))
				if err != nil {
					t.Fatal(err)
				}
				r.SetBasicAuth(fakeharbor.AdminUser, fakeharbor.AdminPassword)
				if contentRange != "" {
					r.Header.Set("Content-Range", contentRange)
				}
				response, err := h.Client().Do(r)
				if err != nil {
					t.Fatal(err)
				}
				io.Copy(io.Discard, response.Body)
				response.Body.Close()
				return response
			}
			at := ask(http.MethodPost, h.URL+"/v2/team/app/blobs/uploads/", "", "").Header.Get("Location")
			at = ask(http.MethodPatch, at, "0-3", "abcd").Header.Get("Location")
			if got := ask(http.MethodGet, at, "", "").Header.Get("Range"); got != "0-3" {
				t.Errorf("between two chunks it has %q", got)
			}

			conn, err := net.Dial("tcp", h.Host)
			if err != nil {
				t.Fatal(err)
			}
			path := strings.TrimPrefix(at, h.URL)
			fmt.Fprintf(conn, "PATCH %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic %s\r\nContent-Length: 9\r\nContent-Range: 4-12\r\n\r\nefg", path, h.Host, "YWRtaW46SGFyYm9yMTIzNDU=")
			conn.Close()
			for !slices.ContainsFunc(h.Requests(), func(r fakeharbor.Request) bool { return r.Status == 499 && r.Bytes == 3 }) {
				time.Sleep(time.Millisecond)
			}
			got := ask(http.MethodGet, at, "", "")
			if got.StatusCode != test.status || got.Header.Get("Range") != test.resumedFrom {
				t.Fatalf("after the break: %d, Range %q", got.StatusCode, got.Header.Get("Range"))
			}
			if !test.distribution3 {
				return
			}
			at = got.Header.Get("Location")
			if got := ask(http.MethodPatch, at, "9-12", "hijk").StatusCode; got != http.StatusRequestedRangeNotSatisfiable {
				t.Errorf("a gap is %d", got)
			}
			at = ask(http.MethodPatch, at, "7-8", "hi").Header.Get("Location")
			if got := ask(http.MethodPut, at+"&digest="+digest.FromString("abcdefghi").String(), "", "").StatusCode; got != http.StatusCreated {
				t.Errorf("the end is %d", got)
			}
		})
	}
}
