package image

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

// TestAWrongPasswordIsNoStorm: Harbor locks the account for a moment after each
// attempt with a wrong password, also for those who have the right one. So all
// processes of a job, and the jobs after it, make one attempt; registries with a
// token service see the password twice for it.
func TestAWrongPasswordIsNoStorm(t *testing.T) {
	const processes = 32
	for name, tt := range map[string]struct {
		intercept func(http.ResponseWriter, *http.Request, http.Handler) bool
		sent      int32
	}{
		"harbor":                    {harborLogin(0, false), 1},
		"harbor, at once":           {harborLogin(0, true), 1},
		"basic":                     {wantBasic, 1},
		"bearer":                    {wantBearer(false), 2},
		"bearer without any rights": {wantBearer(true), 2},
	} {
		t.Run(name, func(t *testing.T) {
			reg := newRegistry(t)
			ref := reg.push(t, "private/app", "1", twoLayers("gzip"))
			var sent atomic.Int32
			reg.misbehave(countPasswords(&sent, tt.intercept))
			st := openStore(t)
			auth := login(t, reg.host, "wrong")
			job := func(name string) {
				var all sync.WaitGroup
				for range processes {
					all.Go(func() {
						client := NewClient(Options{AuthFile: auth, Job: name})
						client.refusals = scaled
						if _, _, err := client.Ensure(t.Context(), st, ref, nil); !isFault(err) {
							t.Errorf("got %v, want a fault", err)
						}
					})
				}
				all.Wait()
			}
			job("1.pbs")
			if got := sent.Load(); got != tt.sent {
				t.Errorf("the password was sent %d times, want %d", got, tt.sent)
			}
			job("2.pbs")
			if got := sent.Load(); got != tt.sent {
				t.Errorf("with a second job the password was sent %d times, want %d", got, tt.sent)
			}
		})
	}
}
