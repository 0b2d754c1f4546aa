package inventory

import (
	"cmp"
	"slices"
)

// Difference is between two inventories.
type Difference struct {
	Added   []Package `json:"added,omitempty"`
	Removed []Package `json:"removed,omitempty"`
	Changed []Changed `json:"changed,omitempty"`
	Equal   int       `json:"equal"` // packages that are the same in both
}

// Changed is a package with another version.
type Changed struct {
	Package        // as it was
	To      string `json:"to"` // version now
}

// key is what makes a package the same one.
type key struct {
	manager     Manager
	place, name string
}

// Compare says what b has that differs from a. Of a package that is installed several
// times in one place (a kernel, for rpm), the versions are told apart.
func Compare(a, b Inventory) Difference {
	var d Difference
	was, is := versions(a), versions(b)
	for k, before := range was {
		after := is[k]
		before, after, equal := without(before, after)
		d.Equal += equal
		if len(before) == 1 && len(after) == 1 {
			d.Changed = append(d.Changed, Changed{k.with(before[0]), after[0]})
			continue
		}
		for _, v := range before {
			d.Removed = append(d.Removed, k.with(v))
		}
		for _, v := range after {
			d.Added = append(d.Added, k.with(v))
		}
	}
	for k, after := range is {
		if _, both := was[k]; !both {
			for _, v := range after {
				d.Added = append(d.Added, k.with(v))
			}
		}
	}
	slices.SortFunc(d.Added, order)
	slices.SortFunc(d.Removed, order)
	slices.SortFunc(d.Changed, func(x, y Changed) int { return order(x.Package, y.Package) })
	return d
}

func (k key) with(version string) Package { return Package{k.manager, k.name, version, k.place} }

// order is that of an Inventory.
func order(a, b Package) int {
	return cmp.Or(cmp.Compare(a.Manager, b.Manager), cmp.Compare(a.Place, b.Place), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
}

func versions(inv Inventory) map[key][]string {
	all := map[key][]string{}
	for _, p := range inv {
		k := key{p.Manager, p.Place, p.Name}
		all[k] = append(all[k], p.Version)
	}
	return all
}

// without takes away what both have.
func without(a, b []string) (onlyA, onlyB []string, equal int) {
	onlyB = slices.Clone(b)
	for _, v := range a {
		if i := slices.Index(onlyB, v); i >= 0 {
			onlyB = slices.Delete(onlyB, i, i+1)
			equal++
			continue
		}
		onlyA = append(onlyA, v)
	}
	return onlyA, onlyB, equal
}

// Same reports whether there is no difference.
func (d Difference) Same() bool { return len(d.Added)+len(d.Removed)+len(d.Changed) == 0 }

// Fraction is the part of all packages of both that are the same; 1 if there are none.
func (d Difference) Fraction() float64 {
	all := d.Equal + len(d.Added) + len(d.Removed) + len(d.Changed)
	if all == 0 {
		return 1
	}
	return float64(d.Equal) / float64(all)
}
