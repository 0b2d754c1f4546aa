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

// meter stands before the registry and counts the bytes that it sends.
type meter struct {
	host  string
	count atomic.Int64
	stop  func()
}

func startMeter(registry string) (*meter, error) {
	target, err := url.Parse("http://" + registry)
	if err != nil {
		return nil, err
	}
	m := &meter{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
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

// reset returns the bytes counted so far and starts anew.
func (m *meter) reset() int64 { return m.count.Swap(0) }

type countedBody struct {
	io.ReadCloser
	count *atomic.Int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.count.Add(int64(n))
	return n, err
}
