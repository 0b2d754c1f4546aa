package inject

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Kind is what an item is.
type Kind int

// The kinds of items.
const (
	File      Kind = iota // shown read-only, unless Writable
	Directory             // likewise
	Device                // a node
	Variable              // set, unless the user has set it
	First                 // a variable that is a list; Value goes before what it has
	Last                  // likewise, behind it
	Unset                 // a variable that is taken away where it still has Value
)

var kinds = []string{"file", "directory", "device", "variable", "first in", "last in", "unset"}

func (k Kind) String() string { return kinds[k] }

// MarshalJSON writes the kind's name.
func (k Kind) MarshalJSON() ([]byte, error) { return json.Marshal(k.String()) }

// UnmarshalJSON reads it.
func (k *Kind) UnmarshalJSON(text []byte) error {
	var name string
	if err := json.Unmarshal(text, &name); err != nil {
		return err
	}
	i := slices.Index(kinds, name)
	if i < 0 {
		return fmt.Errorf("%q is no kind of item", name)
	}
	*k = Kind(i)
	return nil
}

// Item is one thing of the host inside.
type Item struct {
	Kind     Kind   `json:"kind"`
	Host     string `json:"host,omitempty"`     // its path on the host, absolute
	Inside   string `json:"inside"`             // its path inside, or the variable's name
	Value    string `json:"value,omitempty"`    // of a variable
	Writable bool   `json:"writable,omitempty"` // a socket, or a directory in which programs make files
	Why      string `json:"why"`                // for people: what it is for
	Rule     string `json:"rule"`               // for people: what decided that it is here
}

// IsVariable reports whether the item is about the environment.
func (i Item) IsVariable() bool { return i.Kind >= Variable }

// String is the item in two lines, as explanations list it.
func (i Item) String() string {
	var what string
	switch {
	case i.Kind == Variable:
		what = i.Inside + "=" + i.Value
	case i.Kind == Unset:
		what = i.Inside
	case i.IsVariable():
		what = i.Inside + ": " + i.Value
	case i.Host == i.Inside:
		what = i.Host
	default:
		what = i.Host + " -> " + i.Inside
	}
	if !i.Writable && (i.Kind == File || i.Kind == Directory) {
		what += " (read-only)"
	}
	return fmt.Sprintf("%-9s  %s\n           %s (%s)", i.Kind, what, i.Why, i.Rule)
}

// Environment returns env, pairs NAME=value, with what the items say. Set are the
// pairs that the user has given; they are in env already.
func Environment(env, set []string, items []Item) []string {
	env = slices.Clone(env)
	for _, item := range items {
		if !item.IsVariable() {
			continue
		}
		at := slices.IndexFunc(env, func(pair string) bool { return nameOf(pair) == item.Inside })
		var old string
		if at >= 0 {
			old = env[at][len(item.Inside)+1:]
		}
		byUser := slices.ContainsFunc(set, func(pair string) bool { return nameOf(pair) == item.Inside })
		value := item.Value
		switch {
		case item.Kind == Unset:
			if at >= 0 && old == item.Value && !byUser {
				env = slices.Delete(env, at, at+1)
			}
			continue
		case item.Kind == Variable && byUser:
			continue
		case item.Kind == First:
			value = join(item.Value, old)
		case item.Kind == Last:
			value = join(old, item.Value)
		}
		if at < 0 {
			env = append(env, item.Inside+"="+value)
		} else {
			env[at] = item.Inside + "=" + value
		}
	}
	slices.Sort(env)
	return env
}

// join makes one list of two. An empty part at their ends would be the current
// directory, in which anybody may have put a library.
func join(first, second string) string {
	return strings.Trim(strings.TrimRight(first, ":")+":"+strings.TrimLeft(second, ":"), ":")
}

func nameOf(pair string) string {
	name, _, _ := strings.Cut(pair, "=")
	return name
}
