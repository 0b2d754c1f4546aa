package jobscript

import (
	"regexp"
	"sync"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// What a value may look like. The image's form is that of the hook (pbs/hook.py); the
// others are those of qsub(1B) and pbs_resources(7B), without what needs quoting there.
var (
	imageForm    = form(`^((localhost|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+|[A-Za-z0-9-]+:[0-9]+)(:[0-9]+)?/)?[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$`)
	nameForm     = form(`^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,229}$`)
	queueForm    = form(`^[A-Za-z0-9_][A-Za-z0-9_.-]*(@[A-Za-z0-9_.-]+)?$`)
	selectForm   = form(`^[0-9]+(:[A-Za-z][A-Za-z0-9_]*=[A-Za-z0-9_.-]+)*(\+[0-9]+(:[A-Za-z][A-Za-z0-9_]*=[A-Za-z0-9_.-]+)*)*$`)
	walltimeForm = form(`^([0-9]+|[0-9]+:[0-5]?[0-9]|[0-9]+:[0-5]?[0-9]:[0-5]?[0-9])$`)
	mailForm     = form(`^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+$`)
	commandForm  = form(`^[^\x00-\x1f\x7f]+$`)
)

// form is a regular expression that is compiled when it is used: every command pays for
// what is done before.
func form(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// check refuses values that would not be what they seem to be in a script.
func (v Values) check() error {
	for _, c := range []struct {
		form  func() *regexp.Regexp
		value string
		must  bool
		what  message.Text
		next  message.Text
	}{
		{imageForm, v.Image, true, message.Of("jobscript.image"), message.Of("jobscript.image.next")},
		{nameForm, v.Name, true, message.Of("jobscript.name"), message.Of("jobscript.name.next")},
		{queueForm, v.Queue, false, message.Of("jobscript.queue"), message.Of("jobscript.queue.next")},
		{selectForm, v.Select, true, message.Of("jobscript.select"), message.Of("jobscript.select.next")},
		{walltimeForm, v.Walltime, true, message.Of("jobscript.walltime"), message.Of("jobscript.walltime.next")},
		{mailForm, v.Mail, false, message.Of("jobscript.mail"), message.Of("jobscript.mail.next")},
		{commandForm, v.Command, true, message.Of("jobscript.command"), message.Of("jobscript.command.next")},
	} {
		if c.value == "" && !c.must {
			continue
		}
		if !c.form().MatchString(c.value) {
			return message.Fail(message.Of("jobscript.refused", c.what, c.value), nil, c.next)
		}
	}
	return nil
}
