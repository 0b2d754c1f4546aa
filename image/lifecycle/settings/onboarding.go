package settings

import (
	"fmt"
	"slices"

	"github.com/jrun-hpc/jrun/quantity"
)

// Onboarding is about people who are new.
type Onboarding struct {
	Shared []string       `toml:"shared"` // projects whose images everybody may run
	Quota  quantity.Bytes `toml:"quota"`  // of each person's project: 50G; Harbor's default without it

	// RobotDays is how long the login of the compute servers lasts, from when it is
	// made or renewed; 365.
	RobotDays int `toml:"robot_days"`
	// RenewDays is how many days before its end it is renewed; 30.
	RenewDays int `toml:"renew_days"`
	// Credentials is the directory where these logins are left, a file for each person,
	// when no --credential-out says otherwise; "credentials" below Settings.State.
	Credentials string `toml:"credentials"`

	NoLetter      bool `toml:"no_letter"`       // write no welcome
	NoFirstLogins bool `toml:"no_first_logins"` // jadm serve does not look for people who have logged in to Harbor
}

// Defaults of Onboarding.
const (
	robotDays     = 365
	renewDays     = 30
	mostRobotDays = 10 * 365
)

func (o *Onboarding) complete(abs func(string) string) error {
	o.Credentials = abs(o.Credentials)
	if o.RobotDays == 0 {
		o.RobotDays = robotDays
	}
	if o.RenewDays == 0 {
		o.RenewDays = min(renewDays, o.RobotDays/2)
	}
	switch {
	case o.RobotDays < 1 || o.RobotDays > mostRobotDays:
		return fmt.Errorf("onboarding.robot_days is %d, not between 1 and %d", o.RobotDays, mostRobotDays)
	case o.RenewDays < 0 || o.RenewDays >= o.RobotDays:
		return fmt.Errorf("onboarding.renew_days is %d, and robot_days is %d: it must be less", o.RenewDays, o.RobotDays)
	case o.Quota < 0:
		return fmt.Errorf("onboarding.quota is %d", o.Quota)
	case slices.Contains(o.Shared, ""):
		return fmt.Errorf("onboarding.shared has an empty name in it")
	}
	return nil
}
