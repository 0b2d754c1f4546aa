package service

import (
	"net/http"
	"time"

	"github.com/jrun-hpc/jrun/image/lifecycle/mirror"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is what Prometheus is told.
type Metrics struct {
	registry    *prometheus.Registry
	webhooks    *prometheus.CounterVec
	conversions *prometheus.CounterVec
	seconds     prometheus.Histogram
	fetched     prometheus.Counter
	written     prometheus.Counter
	reused      prometheus.Counter
	tasks       *prometheus.CounterVec
	taskSeconds *prometheus.GaugeVec
}

// NewMetrics makes a set of metrics, all at zero.
func NewMetrics() *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	counters := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}
	m := &Metrics{
		registry:    prometheus.NewRegistry(),
		webhooks:    counters("jadm_webhooks_total", "Webhooks received.", "outcome"),
		conversions: counters("jadm_conversions_total", "Conversions that have ended.", "result"),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "jadm_conversion_seconds", Help: "How long conversions took that made an image ready.", Buckets: prometheus.ExponentialBuckets(0.25, 4, 8),
		}),
		fetched:     counter("jadm_fetched_bytes_total", "Bytes of layers fetched from the registry."),
		written:     counter("jadm_converted_bytes_total", "Bytes of converted images."),
		reused:      counter("jadm_reused_bytes_total", "Bytes of converted images that were taken from others in the store."),
		tasks:       prometheus.NewCounterVec(prometheus.CounterOpts{Name: "jadm_task_runs_total", Help: "Runs of periodic tasks."}, []string{"task", "outcome"}),
		taskSeconds: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "jadm_task_last_seconds", Help: "How long the last run of a periodic task took."}, []string{"task"}),
	}
	for _, outcome := range []string{hookNoted, hookNothing, hookRefused, hookTooLarge, hookMalformed} {
		m.webhooks.WithLabelValues(outcome) // so that alerts see it begin at 0
	}
	for _, result := range []mirror.Result{mirror.Converted, mirror.There, mirror.Unreachable, mirror.Full, mirror.Cancelled, mirror.Result(mirror.Forbidden), mirror.Result(mirror.NoPlatform), mirror.Result(mirror.Broken)} {
		m.conversions.WithLabelValues(string(result))
	}
	m.registry.MustRegister(m.webhooks, m.conversions, m.seconds, m.fetched, m.written, m.reused, m.tasks, m.taskSeconds,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Conversion counts a conversion that has ended; it is a mirror.Options.Observe.
func (m *Metrics) Conversion(o mirror.Outcome) {
	m.conversions.WithLabelValues(string(o.Result)).Inc()
	m.fetched.Add(float64(o.Stats.FetchedBytes))
	if o.Result == mirror.Converted {
		m.seconds.Observe(o.Took.Seconds())
		m.written.Add(float64(o.SizeBytes))
		m.reused.Add(float64(o.Stats.ReusedBytes))
	}
}

func (m *Metrics) webhook(outcome string) { m.webhooks.WithLabelValues(outcome).Inc() }

func (m *Metrics) task(name string, err error, took time.Duration) {
	outcome := "done"
	if err != nil {
		outcome = "failed"
	}
	m.tasks.WithLabelValues(name, outcome).Inc()
	m.taskSeconds.WithLabelValues(name).Set(took.Seconds())
}

func (m *Metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 2})
}

// watch adds what is asked for when Prometheus asks.
func (m *Metrics) watch(of Mirror, s *Service) { m.registry.MustRegister(&watcher{of, s}) }

// watcher is a prometheus.Collector of a mirror's status.
type watcher struct {
	mirror  Mirror
	service *Service
}

var _ prometheus.Collector = (*watcher)(nil)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	healthy     = describe("jadm_healthy", "1 while /healthz says ok.")
	converting  = describe("jadm_converting", "Conversions under way.")
	toConvert   = describe("jadm_waiting_conversions", "Repositories of which an image waits to be converted.")
	toLook      = describe("jadm_waiting_looks", "Repositories and projects that may have changed.")
	oldest      = describe("jadm_waiting_oldest_seconds", "How long the oldest of all that waits does.")
	failing     = describe("jadm_failures", "Images that cannot be converted.", "reason")
	troubling   = describe("jadm_trouble", "1 while something keeps the work from going on.", "where")
	lastRound   = describe("jadm_round_complete_timestamp_seconds", "When everything was last compared; 0 for never.")
	roundTook   = describe("jadm_round_seconds", "How long the last comparison of everything took.")
	roundSkips  = describe("jadm_round_skipped", "Projects and repositories that the last comparison had to leave out.")
	storeFree   = describe("jadm_store_free_bytes", "Room on the store's file system.")
	storeAll    = describe("jadm_store_size_bytes", "Size of the store's file system.")
	descriptors = []*prometheus.Desc{healthy, converting, toConvert, toLook, oldest, failing, troubling, lastRound, roundTook, roundSkips, storeFree, storeAll}
)

// Describe lists what Collect sends.
func (w *watcher) Describe(to chan<- *prometheus.Desc) {
	for _, d := range descriptors {
		to <- d
	}
}

// Collect asks the mirror.
func (w *watcher) Collect(to chan<- prometheus.Metric) {
	s := w.mirror.Status()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	well := 0.0
	if len(w.service.Health()) == 0 {
		well = 1
	}
	gauge(healthy, well)
	gauge(converting, float64(len(s.Running)))
	gauge(toConvert, float64(s.ToConvert))
	gauge(toLook, float64(s.ToLook))
	gauge(oldest, waitingFor(s).Seconds())
	reasons := map[mirror.Reason]int{mirror.Forbidden: 0, mirror.NoPlatform: 0, mirror.Broken: 0}
	for _, f := range s.Failures {
		reasons[f.Reason]++
	}
	for reason, n := range reasons {
		gauge(failing, float64(n), string(reason))
	}
	places := map[string]bool{}
	for _, t := range s.Troubles {
		places[wordOf(t)] = true
	}
	for where := range places {
		gauge(troubling, 1, where)
	}
	complete := 0.0
	if !s.Rounds.Complete.IsZero() {
		complete = float64(s.Rounds.Complete.Unix())
	}
	gauge(lastRound, complete)
	gauge(roundTook, s.Rounds.Took)
	gauge(roundSkips, float64(s.Rounds.Skipped))
	if s.StoreBytes != nil {
		gauge(storeFree, float64(s.StoreBytes.Free))
		gauge(storeAll, float64(s.StoreBytes.All))
	}
}

// waitingFor is how long the oldest of all that waits does.
func waitingFor(s mirror.Status) time.Duration {
	since := s.Oldest
	for _, w := range s.Waiting {
		if since.IsZero() || w.Since.Before(since) {
			since = w.Since
		}
	}
	if since.IsZero() {
		return 0
	}
	return max(0, s.Time.Sub(since))
}
