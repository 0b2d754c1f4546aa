package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
)

// meter stands before the registry and counts the bytes that it sends, and those that
// are sent to it.
type meter struct {
	host  string
	count atomic.Int64
	sent  atomic.Int64 // of requests' bodies
	stop  func()
}

func startMeter(registry string) (*meter, error) {
	target, err := url.Parse("http://" + registry)
	if err != nil {
		return nil, err
	}
	m := &meter{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // the registry's answers name where uploads go on
			if r.In.Body != nil {
				r.Out.Body = &countedBody{r.In.Body, &m.sent}
			}
		},
		ModifyResponse: func(response *http.Response) error {
			response.Body = &countedBody{response.Body, &m.count}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	server := httptest.NewServer(proxy)
	m.host, m.stop = strings.TrimPrefix(server.URL, "http://"), server.Close
	return m, nil
}

// reset returns the bytes that the registry sent so far, and starts anew.
func (m *meter) reset() int64 {
	m.sent.Store(0)
	return m.count.Swap(0)
}

type countedBody struct {
	io.ReadCloser
	count *atomic.Int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.count.Add(int64(n))
	return n, err
}
