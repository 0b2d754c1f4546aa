package inventory

// Package is one that a package manager has put somewhere.
type Package struct {
	Manager Manager `json:"manager"`
	Name    string  `json:"name"`
	Version string  `json:"version"`
	Place   string  `json:"place"` // the database, library or environment that has it; absolute, inside
}

// Manager is what knows a package.
type Manager string

// The managers.
const (
	Dpkg  Manager = "dpkg"
	RPM   Manager = "rpm"
	APK   Manager = "apk"
	Pip   Manager = "pip"
	Conda Manager = "conda"
	NPM   Manager = "npm"
	R     Manager = "r"
	Julia Manager = "julia"
)

// Inventory is all packages, sorted by manager, place, name and version.
type Inventory []Package
