package harbor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/printable"
)

// Error is Harbor's refusal.
type Error struct {
	Status  int    // of HTTP
	Code    string // NOT_FOUND, DENIED, …; empty when Harbor named none
	Message string // its own words, made fit for a terminal; may be empty
	Method  string
	Path    string
	// RetryAfter is how long Harbor, or the proxy before it, wants to be left
	// alone; zero when it did not say.
	RetryAfter time.Duration
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s %s: %d %s", e.Method, e.Path, e.Status, http.StatusText(e.Status))
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

// Status is the HTTP status of the refusal in err; 0 when err is none.
func Status(err error) int {
	var refused *Error
	if errors.As(err, &refused) {
		return refused.Status
	}
	return 0
}

// maxErrorBody bounds what is read of a refusal.
const maxErrorBody = 64 << 10

// maxMessage bounds what is kept of it, in bytes.
const maxMessage = 1000

// refusal makes an Error of an answer. A body that breaks off is no worse than
// none.
func refusal(method, path string, resp *http.Response) *Error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	code, message := ParseError(body)
	return &Error{
		Status: resp.StatusCode, Code: code, Message: message, Method: method, Path: path,
		RetryAfter: retryAfter(resp.Header, time.Now()),
	}
}

// ParseError reads the body of a refusal, by the API or by /v2. Bodies are
//
//	{"errors":[{"code":"NOT_FOUND","message":"…"}]}   Harbor and its registry
//	{"code":422,"message":"…"}                        go-swagger, before Harbor's code runs
//	text                                              some handlers
//	HTML                                              nginx when core is down: says nothing
//	nothing                                           the answer to HEAD, and some others
func ParseError(body []byte) (code, message string) {
	body = bytes.TrimSpace(body)
	switch {
	case len(body) == 0, body[0] == '<':
		return "", ""
	case body[0] != '{':
		return "", oneLine(string(body))
	}
	type item struct {
		Code    any    `json:"code"`
		Message string `json:"message"`
	}
	var said struct {
		item
		Errors []item `json:"errors"`
	}
	if json.Unmarshal(body, &said) != nil {
		return "", ""
	}
	if len(said.Errors) == 0 {
		said.Errors = []item{said.item}
	}
	var messages []string
	for _, e := range said.Errors {
		if c, ok := e.Code.(string); ok && code == "" {
			code = oneLine(c)
		}
		if m := oneLine(once(e.Message)); m != "" {
			messages = append(messages, m)
		}
	}
	return code, oneLine(strings.Join(messages, "; "))
}

// once is what Harbor has said twice: "unauthorized: unauthorized".
func once(message string) string {
	const between = ": "
	n := (len(message) - len(between)) / 2
	if n > 0 && message == message[:n]+between+message[:n] {
		return message[:n]
	}
	return message
}

// oneLine makes one line of bounded length of what Harbor says.
func oneLine(s string) string { return printable.CutBytes(printable.Line(s), maxMessage) }
