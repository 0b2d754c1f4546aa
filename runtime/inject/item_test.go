package inject

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEnvironment(t *testing.T) {
	items := []Item{
		{Kind: File, Inside: "A"}, // no variable, whatever its name
		{Kind: First, Inside: "LD_LIBRARY_PATH", Value: "/first"},
		{Kind: Last, Inside: "LD_LIBRARY_PATH", Value: "/last"},
		{Kind: Variable, Inside: "SET", Value: "ours"},
		{Kind: Variable, Inside: "USERS", Value: "ours"},
		{Kind: Unset, Inside: "HOSTS", Value: "/host"},
		{Kind: Unset, Inside: "IMAGES", Value: "/host"},
		{Kind: Unset, Inside: "GIVEN", Value: "/host"},
		{Kind: Unset, Inside: "ABSENT", Value: "/host"},
		{Kind: Last, Inside: "ALONE", Value: "/only"},
	}
	env := []string{"A=1", "GIVEN=/host", "HOSTS=/host", "IMAGES=/image", "LD_LIBRARY_PATH=/image/lib", "SET=theirs", "USERS=mine"}
	want := []string{"A=1", "ALONE=/only", "GIVEN=/host", "IMAGES=/image", "LD_LIBRARY_PATH=/first:/image/lib:/last", "SET=ours", "USERS=mine"}
	before := append([]string{}, env...)
	got := Environment(env, []string{"USERS=mine", "GIVEN=/host"}, items)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the environment (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, env); diff != "" {
		t.Errorf("the caller's environment was changed (-want +got):\n%s", diff)
	}
}

// TestLists: an empty part of a list is the current directory, so there is none that
// nobody has asked for; and several items of one list keep their order.
func TestLists(t *testing.T) {
	items := []Item{
		{Kind: Last, Inside: "LD_LIBRARY_PATH", Value: "/compat"},
		{Kind: Last, Inside: "LD_LIBRARY_PATH", Value: "/lib"},
		{Kind: First, Inside: "LD_LIBRARY_PATH", Value: "/mpi"},
	}
	for value, want := range map[string]string{
		"": "/mpi:/compat:/lib", ":": "/mpi:/compat:/lib", "/own": "/mpi:/own:/compat:/lib", ":/own:": "/mpi:/own:/compat:/lib", "/a::/b": "/mpi:/a::/b:/compat:/lib",
	} {
		user := []string{"LD_LIBRARY_PATH=" + value} // to whose own list it is added, too
		if diff := cmp.Diff([]string{"LD_LIBRARY_PATH=" + want}, Environment(user, user, items)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", value, diff)
		}
	}
}

func TestKindsAreWritten(t *testing.T) {
	for k := File; k <= Unset; k++ {
		text, err := json.Marshal(Item{Kind: k, Inside: "x"})
		if err != nil {
			t.Fatal(err)
		}
		var got Item
		if err := json.Unmarshal(text, &got); err != nil || got.Kind != k {
			t.Errorf("%s was read as %v (%v)", text, got.Kind, err)
		}
	}
	var k Kind
	if err := json.Unmarshal([]byte(`"socket"`), &k); err == nil {
		t.Error("a kind that does not exist was read")
	}
}

func TestString(t *testing.T) {
	for _, c := range []struct {
		item Item
		want string
	}{
		{Item{Kind: Device, Host: "/dev/knem", Inside: "/dev/knem", Why: "w", Rule: "r"}, "device     /dev/knem\n           w (r)"},
		{Item{Kind: File, Host: "/a", Inside: "/b", Why: "w", Rule: "r"}, "file       /a -> /b (read-only)\n           w (r)"},
		{Item{Kind: Directory, Host: "/a", Inside: "/a", Writable: true, Why: "w", Rule: "r"}, "directory  /a\n           w (r)"},
		{Item{Kind: Variable, Inside: "A", Value: "b", Why: "w", Rule: "r"}, "variable   A=b\n           w (r)"},
		{Item{Kind: First, Inside: "A", Value: "b", Why: "w", Rule: "r"}, "first in   A: b\n           w (r)"},
		{Item{Kind: Unset, Inside: "A", Value: "b", Why: "w", Rule: "r"}, "unset      A\n           w (r)"},
	} {
		if diff := cmp.Diff(c.want, c.item.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
