package report

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// Path is where reports go, below the address of jadm serve.
const Path = "/v1/workspaces"

// To is where a report goes, and as whom.
type To struct {
	URL            string // of jadm serve; package site has checked it
	User, Password string // of the registry
	Transport      http.RoundTripper
	UserAgent      string
}

// mostAnswer bounds what is read of a refusal.
const mostAnswer = 16 << 10

// Send tells the site. It is asked once; errors are message.Errors.
func (r Report) Send(ctx context.Context, to To) error {
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(to.URL, "/")+Path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("making the request: %w", err)
	}
	request.SetBasicAuth(to.User, to.Password)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", to.UserAgent)
	client := http.Client{
		Transport:     to.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(request)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // without the method and the address, which What has
		}
		return message.Fail(message.Of("report.unreachable", request.URL.Host), err, message.Of("workspace.unreachable.next"))
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		return nil
	}
	why := errors.New(refusal(resp))
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
		return message.Fail(message.Of("report.refused", request.URL.Host, to.User), why, message.Of("report.refused.next"))
	}
	return message.Fail(message.Of("report.failed", request.URL.Host), why, message.Of("report.failed.next"))
}

// refusal is what the site says, in its own words.
func refusal(resp *http.Response) string {
	var said struct {
		Error string `json:"error"`
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	if err == nil && json.Unmarshal(body, &said) == nil && said.Error != "" {
		return fmt.Sprintf("%.500s", said.Error)
	}
	return resp.Status
}
