package workspace

import (
	"errors"
	"path/filepath"
	"testing"
)

func TestCheckDisk(t *testing.T) {
	for name, fits := range map[string]bool{"plain": true, "a b": true, "é'\"d": true, "a:b": false, "a,b": false, `a\b`: false} {
		if err := checkDisk(filepath.Join(t.TempDir(), name)); (err == nil) != fits {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestLock: a lock that somebody has for a moment is waited for; one that stays is not.
func TestLock(t *testing.T) {
	st := &Store{dir: t.TempDir()}
	plant(t, st.dir, map[string]string{"locks/": ""})
	release, err := st.tryLock("a", ErrInUse)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.lock("a", ErrInUse); !errors.Is(err, ErrInUse) {
		t.Errorf("taken twice: %v", err)
	}
	if other, err := st.lock("b", ErrInUse); err != nil {
		t.Errorf("another: %v", err)
	} else {
		other()
	}
	release()
	if again, err := st.lock("a", ErrInUse); err != nil {
		t.Errorf("after it was released: %v", err)
	} else {
		again()
	}
}
