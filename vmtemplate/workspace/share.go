package workspace

import (
	"encoding/json"
	"fmt"
	"sync"
)

// held is what all handles of one opened workspace have in common.
type held struct {
	mu      sync.Mutex
	users   int   // handles that are not closed
	state   State // as it is on the disk
	used    bool  // something was written
	release func()
}

func hold(state State, release func()) *held {
	return &held{users: 1, state: state, release: release}
}

// Share gives another part of this process its own handle of an open workspace, which
// may be used at the same time: a page looks at files while a shell runs. To other
// processes the workspace is locked until all handles are closed.
func (w *Workspace) Share() *Workspace {
	w.held.mu.Lock()
	defer w.held.mu.Unlock()
	w.held.users++
	return &Workspace{Name: w.Name, State: w.held.state, st: w.st, container: w.container, held: w.held}
}

// Close lets others open the workspace. What was changed in it is on the disk then: it
// outlives a power cut.
func (w *Workspace) Close() {
	w.held.mu.Lock()
	defer w.held.mu.Unlock()
	if w.held.users--; w.held.users > 0 {
		return
	}
	_, _ = w.st.store.Unmount(w.container.ID, false)
	if w.held.used {
		w.st.sync()
	}
	w.held.release()
}

// wrote notes that there is something to bring to the disk.
func (w *Workspace) wrote() {
	w.held.mu.Lock()
	defer w.held.mu.Unlock()
	w.held.used = true
}

// Update changes the workspace's state, durably. What other handles have changed stays.
func (w *Workspace) Update(change func(*State)) error {
	w.held.mu.Lock()
	defer w.held.mu.Unlock()
	state := w.held.state
	change(&state)
	w.State = state
	raw, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("noting what workspace %s is: %w", w.Name, err)
	}
	if err := w.st.store.SetMetadata(w.container.ID, string(raw)); err != nil {
		return fmt.Errorf("noting what workspace %s is: %w", w.Name, err)
	}
	w.held.state = state
	return nil
}
