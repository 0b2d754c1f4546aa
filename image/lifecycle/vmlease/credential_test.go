package vmlease

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
)

// delay is the fake's, for which tests wait.
const delay = 100 * time.Millisecond

func newHarbor(t *testing.T) *fakeharbor.Server {
	t.Helper()
	h := fakeharbor.New(fakeharbor.Options{LoginDelay: delay})
	t.Cleanup(h.Close)
	for _, name := range []string{"u001", "20260001"} {
		h.AddUser(fakeharbor.User{Name: name, Password: "geheim-" + name})
	}
	h.AddUser(fakeharbor.User{Name: "Suzuki", Password: "geheim-suzuki", Local: true})
	return h
}

// options are how Harbor is asked.
func options(t *testing.T, h *fakeharbor.Server) harbor.Options {
	t.Helper()
	base, err := url.Parse(h.URL)
	if err != nil {
		t.Fatal(err)
	}
	return harbor.Options{Base: base, HTTP: h.Client()}
}

// clock is moved by tests.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newChecker(t *testing.T, h *fakeharbor.Server) (*Checker, *clock) {
	t.Helper()
	time := &clock{now: at2027(1, 1, 0)}
	c := NewChecker(AskHarbor(options(t, h)))
	c.Now = time.Now
	return c, time
}

// TestChecker: Harbor is asked once for a credential, right or wrong.
func TestChecker(t *testing.T) {
	h := newHarbor(t)
	c, clock := newChecker(t, h)
	check := func(user, password, want string, wantErr error, wantAsked int) {
		t.Helper()
		h.TakeRequests()
		got, err := c.Check(t.Context(), user, password)
		if got != want || !errors.Is(err, wantErr) {
			t.Errorf("%s: %q, %v", user, got, err)
		}
		if asked := len(h.TakeRequests()); asked != wantAsked {
			t.Errorf("%s: Harbor was asked %d times", user, asked)
		}
	}
	check("u001", "geheim-u001", "u001", nil, 1)
	check("u001", "geheim-u001", "u001", nil, 0)
	check("suzuki", "geheim-suzuki", "Suzuki", nil, 1) // as Harbor writes it
	check("20260001", "geheim-20260001", "20260001", nil, 1)

	check("u001", "wrong", "", errWrong, 1)
	check("u001", "wrong", "", errWrong, 0)
	check("u001", "wrong too", "", errOften, 0)
	check("U001", "wrong too", "", errOften, 0)
	check("u001", "geheim-u001", "u001", nil, 0) // the right one is not in the way of wrong ones
	check("20260001", "geheim-20260001", "20260001", nil, 0)
	clock.pass(firstPause)
	time.Sleep(2 * delay)
	check("u001", "wrong too", "", errWrong, 1)
	clock.pass(firstPause)
	check("u001", "wrong again", "", errOften, 0) // twice as long
	clock.pass(believeRight)
	time.Sleep(2 * delay)
	check("u001", "geheim-u001", "u001", nil, 1)

	clock.pass(believeRight)
	h.SetCoreDown(true)
	check("u001", "geheim-u001", "", errCannot, 1)
	h.SetCoreDown(false)
	check("u001", "geheim-u001", "u001", nil, 1)
	clock.pass(believeRight)
	h.SetDirectory(fakeharbor.DirectoryDown) // which Harbor tells as a wrong password
	check("u001", "geheim-u001", "", errWrong, 1)
	h.SetDirectory(fakeharbor.DirectoryUp)
	clock.pass(firstPause)
	check("u001", "geheim-u001", "u001", nil, 1)
}

// TestRobots: a robot's secret is right, and no person's.
func TestRobots(t *testing.T) {
	h := newHarbor(t)
	h.AddProject(fakeharbor.Project{Name: "p"})
	o := options(t, h)
	o.User, o.Password = fakeharbor.AdminUser, fakeharbor.AdminPassword
	robot, err := harbor.New(o).CreateRobot(t.Context(), "p", "node", 30, []harbor.Access{{Resource: "repository", Action: "pull"}})
	if err != nil {
		t.Fatal(err)
	}
	c, _ := newChecker(t, h)
	for range 2 {
		if _, err := c.Check(t.Context(), robot.Name, robot.Secret); !errors.Is(err, errRobot) {
			t.Errorf("%s: %v", robot.Name, err)
		}
	}
}

// TestOneAsks: many requests of one user at once are one question.
func TestOneAsks(t *testing.T) {
	h := newHarbor(t)
	c, _ := newChecker(t, h)
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			password := "geheim-u001"
			if i%2 == 1 {
				password = "wrong"
			}
			_, err := c.Check(t.Context(), "u001", password)
			if i%2 == 1 && err == nil {
				t.Error("a wrong password is right")
			}
		})
	}
	all.Wait()
	if n := len(h.Requests()); n > 2 {
		t.Errorf("Harbor was asked %d times", n)
	}
}

// TestCheckerIsBounded: what strangers send does not fill the memory.
func TestCheckerIsBounded(t *testing.T) {
	c := NewChecker(func(context.Context, string, string) (harbor.User, error) {
		return harbor.User{}, &harbor.Error{Status: 401}
	})
	for i := range mostKnown + 100 {
		_, _ = c.Check(t.Context(), fmt.Sprintf("u%d", i), "x")
	}
	if len(c.known) > mostKnown || len(c.wrong) > mostKnown || len(c.busy) != 0 {
		t.Errorf("%d, %d and %d are remembered", len(c.known), len(c.wrong), len(c.busy))
	}
	if strings.Contains(fmt.Sprintf("%q", fmt.Sprint(c.known)), "geheim") {
		t.Error("a password is remembered")
	}
}

func TestAllowance(t *testing.T) {
	a := newAllowance(3, time.Minute)
	now := at2027(1, 1, 0)
	for i, want := range []bool{true, true, true, false, false} {
		if wait := a.take("a", now); (wait == 0) != want || wait > time.Minute {
			t.Errorf("take %d: wait %s", i, wait)
		}
	}
	if a.take("b", now) != 0 {
		t.Error("another one must wait")
	}
	if a.take("a", now.Add(time.Minute)) != 0 || a.take("a", now.Add(time.Minute)) == 0 {
		t.Error("after a minute it is not once more")
	}
	for i := range 3 {
		if a.take("a", now.Add(time.Hour)) != 0 {
			t.Errorf("after an hour, take %d must wait", i)
		}
	}
}
