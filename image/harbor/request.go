package harbor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
)

// maxAnswer bounds what is read of an answer. The largest are reports of
// vulnerabilities: some kilobytes for each.
const maxAnswer = 64 << 20

// errTooLong is for an answer beyond maxAnswer.
var errTooLong = errors.New("the answer is too long")

// call is one question of the API.
type call struct {
	method string
	path   string // escaped, with apiRoot
	query  url.Values
	header http.Header
	body   any  // sent as JSON; nil for none
	nobody bool // without the credential
}

// answer is what came back with a status below 300.
type answer struct {
	header http.Header
	body   []byte
}

// do asks, as often as is sensible, and decodes the answer into out unless that
// is nil. An empty answer leaves out as it is.
func (c *Client) do(ctx context.Context, q call, out any) (answer, error) {
	got, err := c.patiently(ctx, q)
	if err != nil {
		return answer{}, err
	}
	if out == nil || len(bytes.TrimSpace(got.body)) == 0 {
		return got, nil
	}
	if err := json.Unmarshal(got.body, out); err != nil {
		return answer{}, fmt.Errorf("reading the answer to %s %s: %w", q.method, q.path, err)
	}
	return got, nil
}

// get is do for the most frequent kind of question.
func (c *Client) get(ctx context.Context, path string, query url.Values, out any) error {
	_, err := c.do(ctx, call{method: http.MethodGet, path: path, query: query}, out)
	return err
}

// create posts body and returns the id at the end of the new thing's Location.
func (c *Client) create(ctx context.Context, at string, body any) (int64, error) {
	got, err := c.do(ctx, call{method: http.MethodPost, path: at, body: body}, nil)
	if err != nil {
		return 0, err
	}
	location := got.header.Get("Location")
	id, err := strconv.ParseInt(path.Base(location), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading the id in the Location %q of what POST %s made: %w", location, at, err)
	}
	return id, nil
}

// put replaces what is at path.
func (c *Client) put(ctx context.Context, path string, body any) error {
	_, err := c.do(ctx, call{method: http.MethodPut, path: path, body: body}, nil)
	return err
}

// remove deletes what is at path.
func (c *Client) remove(ctx context.Context, path string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: path}, nil)
	return err
}

// request makes a request of q; each attempt needs one of its own.
func (c *Client) request(ctx context.Context, q call) (*http.Request, error) {
	address, err := c.address(q.path, q.query)
	if err != nil {
		return nil, fmt.Errorf("making the address of %s: %w", q.path, err)
	}
	var body io.Reader
	if q.body != nil {
		text, err := json.Marshal(q.body)
		if err != nil {
			return nil, fmt.Errorf("encoding the body of %s %s: %w", q.method, q.path, err)
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, q.method, address.String(), body)
	if err != nil {
		return nil, fmt.Errorf("making the request %s %s: %w", q.method, q.path, err)
	}
	for name, values := range q.header {
		r.Header[name] = values
	}
	if q.body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if r.Header.Get("Accept") == "" {
		r.Header.Set("Accept", "application/json")
	}
	r.Header.Set("User-Agent", c.agent)
	r.Header.Set("X-Is-Resource-Name", "true")
	if c.user != "" && !q.nobody {
		r.SetBasicAuth(c.user, c.password)
	}
	return r, nil
}

// send asks a single time, with the session whose id is given, or else with the password.
// The error is an *Error when Harbor answered.
func (c *Client) send(ctx context.Context, q call, session string) (answer, error) {
	r, err := c.request(ctx, q)
	if err != nil {
		return answer{}, err
	}
	if session != "" {
		r.Header.Del("Authorization")
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: session})
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return answer{}, fmt.Errorf("asking %s: %w", c.base.Host, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusMultipleChoices {
		return answer{}, refusal(q.method, r.URL.Path, resp)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = errTooLong
	}
	if err != nil {
		return answer{}, fmt.Errorf("reading the answer to %s %s: %w", q.method, q.path, err)
	}
	return answer{header: resp.Header, body: body}, nil
}
