package desired

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/quantity"
)

func TestMistakes(t *testing.T) {
	for name, tt := range map[string]struct{ text, why string }{
		"no TOML":             {"[shared.base]\npublic = ", "line 2: "},
		"wrong type":          {"[shared.base]\npublic = 3\n", "line 2 (last key"},
		"unknown key":         {"[shared.base]\n\nquotas = \"1G\"\n", `line 3: it does not know the key "shared.base.quotas"`},
		"unknown table":       {"[labs.x]\n", "line 1: it does not know the key \"labs"},
		"unknown role":        {"[lab.x]\n# no\nowners = [\"u\"]\n", `line 3: it does not know the key "lab.x.owners"`},
		"role of people":      {"[people]\nrole = \"owner\"\n", `line 2: people.role: there is no role "owner"`},
		"doubled":             {"[lab.x]\n[lab.x]\n", "line 2: "},
		"shared and lab":      {"[lab.x]\n[shared.x]\n", "line 1: lab.x: the project is a shared one, too"},
		"a name":              {"[lab.Suzuki]\n", `line 1: lab.Suzuki: no project at Harbor is called "Suzuki"`},
		"another name":        {"[lab.\"a__b\"]\n", `no project at Harbor is called "a__b"`},
		"a long name":         {"[lab." + strings.Repeat("a", 256) + "]\n", "line 1: "},
		"a quota":             {"[lab.x]\nquota = \"lots\"\n", `"lots" is no quota`},
		"quota of nothing":    {"[lab.x]\nquota = \"0\"\n", "a quota of 0 cannot be"},
		"gate without":        {"[lab.x]\nprevent_vul = true\n", "line 2: lab.x.prevent_vul: say from which severity on"},
		"gate against":        {"[lab.x]\nprevent_vul = false\nseverity = \"high\"\n", "line 3: lab.x.severity: it contradicts prevent_vul"},
		"a severity":          {"[lab.x]\nseverity = \"High\"\n", `line 2: lab.x.severity: there is no severity "High"`},
		"both retentions":     {"[lab.x]\nretention = {keep_last = 3}\nharbor_retention = {keep_latest = 3}\n", "line 3: lab.x.harbor_retention: it contradicts retention"},
		"keeps nothing":       {"[retention]\nkeep_pinned = true\n", "line 1: retention: it would keep nothing"},
		"keeps less":          {"[people.retention]\nkeep_last = -1\n", "line 1: people.retention: a number is negative"},
		"an age":              {"[retention]\nkeep_within = \"long\"\n", `"long" is no length of time`},
		"Harbor keeps none":   {"[lab.x.harbor_retention]\n", "line 1: lab.x.harbor_retention: it would keep nothing"},
		"Harbor's cron":       {"[lab.x]\nharbor_retention = {keep_latest = 1, cron = \"daily\"}\n", "line 2: lab.x.harbor_retention.cron: \"daily\" is not six fields"},
		"twice":               {"[lab.x]\nguests = [\"u1\", \"U1\"]\n", `line 2: lab.x.guests: "U1" is there twice`},
		"in two roles":        {"[lab.x]\nguests = [\"u1\"]\nadmins = [\"local:u1\"]\n", `lab.x.guests: "u1" is among admins, too`},
		"a group in two":      {"[lab.x]\nguests = [\"CN=a, dc=b\"]\nadmins = [\"cn=a,dc=b\"]\n", "is among admins, too"},
		"nobody":              {"[lab.x]\nguests = [\"\"]\n", "is no person and no group"},
		"no group":            {"[lab.x]\nguests = [\"group:\"]\n", "is no person and no group"},
		"a pattern twice":     {"[lab.x]\nimmutable_tags = [\"v*\", \"v*\"]\n", "line 2: lab.x.immutable_tags: the pattern"},
		"no webhook":          {"[lab.x]\nwebhooks = [\"jadm\"]\n", "line 2: lab.x.webhooks: there is no [webhook.jadm]"},
		"webhook's address":   {"[webhook.jadm]\naddress = \"jadm\"\n", "line 2: webhook.jadm.address: the address is not like"},
		"webhook's password":  {"[webhook.jadm]\naddress = \"https://u:geheim@x/\"\n", "the address is not like"},
		"webhook in clear":    {"[webhook.jadm]\naddress = \"http://x/\"\nsecret_file = \"s\"\n", "line 2: webhook.jadm.address: the secret would be sent in the clear"},
		"webhook's event":     {"[webhook.jadm]\naddress = \"https://x/\"\nevents = [\"PUSH\"]\n", `line 3: webhook.jadm.events: there is no event "PUSH"`},
		"robot's name":        {"[lab.x.robot.Nodes]\n", `line 1: lab.x.robot.Nodes: no robot at Harbor is called "Nodes"`},
		"robot's rights":      {"[lab.x]\nrobot.r = {rights = [\"all\"]}\n", `line 2: lab.x.robot.r.rights: there is no right "all"`},
		"robot pushes only":   {"[lab.x]\nrobot.r = {rights = [\"push\"]}\n", "add pull"},
		"robot for no time":   {"[lab.x]\nrobot.r = {days = 0}\n", "0 is no number of days"},
		"robot renewed daily": {"[lab.x]\nrobot.r = {days = 5, renew_before = \"6d\"}\n", "it would be renewed each time"},
		"robot's braces":      {"[lab.x]\nrobot.r = {credential = \"/x/{id}\"}\n", "neither {project} nor {robot}"},
		"robots' one file":    {"[people]\nrobot.r = {credential = \"/x/y\"}\n", "all people would have one file"},
		"two robots' file":    {"[lab.x]\nrobot.r = {credential = \"/x/y\"}\nrobot.s = {}\n", "there are several robots"},
		"persons alone":       {"[person.u1]\nquota = \"1G\"\n", "line 1: person.u1: there is no [people]"},
		"a person twice":      {"[people]\n[person.u1]\n[person.U1]\n", "it is the same person as"},
		"a person's gate":     {"[people]\n[person.u1]\nprevent_vul = true\n", "line 3: person.u1.prevent_vul: say from which"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "desired.toml")
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Load(file)
			var f *fault.Error
			if !errors.As(err, &f) || f.Next == "" {
				t.Fatalf("the error is %v", err)
			}
			if !strings.Contains(err.Error(), tt.why) || strings.Contains(err.Error(), "geheim") {
				t.Errorf("it says %v", err)
			}
		})
	}
	var f *fault.Error
	if _, err := Load(filepath.Join(t.TempDir(), "none")); !errors.As(err, &f) || !strings.Contains(f.Next, "jadm init") {
		t.Errorf("of no file it says %v", err)
	}
}

func TestDefaults(t *testing.T) {
	f, err := parse(full)
	if err != nil {
		t.Fatal(err)
	}
	if r := f.People.Robots["nodes"]; r.Days != 90 || len(r.Rights) != 1 || r.Rights[0] != "pull" || r.renewBefore() != 15*day {
		t.Errorf("a robot is %+v, renewed %v before its end", r, r.renewBefore())
	}
	if f.People.Role != "project admin" || len(f.Webhooks["jadm"].Events) == 0 {
		t.Errorf("the role is %q, events are %q", f.People.Role, f.Webhooks["jadm"].Events)
	}
}

func TestKeep(t *testing.T) {
	f, err := parse(`
[retention]
keep_last = 5
[shared.base]
[lab.own]
retention = {keep_used_within = "90d", keep_pinned = false}
[people]
[people.retention]
keep_daily = 7
[person.u001]
quota = "1G"
[person.u002]
retention = {keep_yearly = 3}
`)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		project, person string
		want            Keep
		ok              bool
	}{
		{"base", "", Keep{Last: 5, Pinned: true}, true},
		{"own", "", Keep{UsedWithin: quantity.Age(90 * day)}, true},
		{"u001", "u001", Keep{Daily: 7, Pinned: true}, true},
		{"u002", "U002", Keep{Yearly: 3, Pinned: true}, true},
		{"theirs", "", Keep{}, false},
	} {
		got, ok := f.Keep(tt.project, tt.person)
		if diff := cmp.Diff(tt.want, got); diff != "" || ok != tt.ok {
			t.Errorf("%s (-want +got), %v:\n%s", tt.project, ok, diff)
		}
	}
	none, err := parse("[lab.x]\n")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := none.Keep("x", ""); ok {
		t.Error("there is a rule where none was written")
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{full, before, after, "", "[person.u]\n[people]\nseverity = \"low\"", "lab.x.robot.r.days = 3", "[webhook]\nx = {}", "[[lab]]", "[lab]\nx = 3", "shared.a.admins = [\"=\", \"group:=\"]"} {
		f.Add(text)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		file, err := parse(text)
		if err != nil {
			return
		}
		// Whatever is accepted can be planned.
		q := Question{File: file, Actual: &Actual{}, Owned: map[string]Owned{}}
		q.Population.People = somebody
		q.Needs()
		plan := Diff(q)
		_ = lines(plan)
		for _, c := range plan.Changes {
			if strings.ContainsAny(c.Line(), "\n\x1b") {
				panic("a change is more than a line")
			}
		}
	})
}
