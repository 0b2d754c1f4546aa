package desired

import "github.com/jrun-hpc/jrun/quantity"

// Keep says which tags of a project stay when jadm sweeps: those that any of the rules
// keeps, as with restic. What it means is decided by package retention.
type Keep struct {
	Last    int `toml:"keep_last" json:"keep_last,omitempty"`       // tags pushed last, of each repository
	Hourly  int `toml:"keep_hourly" json:"keep_hourly,omitempty"`   // the last tag of each of so many hours with pushes
	Daily   int `toml:"keep_daily" json:"keep_daily,omitempty"`     // … days
	Weekly  int `toml:"keep_weekly" json:"keep_weekly,omitempty"`   // … weeks
	Monthly int `toml:"keep_monthly" json:"keep_monthly,omitempty"` // … months
	Yearly  int `toml:"keep_yearly" json:"keep_yearly,omitempty"`   // … years

	Within     quantity.Age `toml:"keep_within" json:"keep_within,omitempty"`           // pushed in this time
	UsedWithin quantity.Age `toml:"keep_used_within" json:"keep_used_within,omitempty"` // run or pulled in this time
	Pinned     bool         `toml:"keep_pinned" json:"keep_pinned"`                     // cited ones; true unless the file says false
	Tags       []string     `toml:"keep_tags" json:"keep_tags,omitempty"`               // patterns with * and **
}

// keepsNothing reports whether there is no rule but Pinned, with which all would go
// that nobody has cited.
func (k Keep) keepsNothing() bool {
	return k.Last+k.Hourly+k.Daily+k.Weekly+k.Monthly+k.Yearly == 0 && k.Within == 0 && k.UsedWithin == 0 && len(k.Tags) == 0
}

func (k Keep) negative() bool {
	return min(k.Last, k.Hourly, k.Daily, k.Weekly, k.Monthly, k.Yearly) < 0
}
