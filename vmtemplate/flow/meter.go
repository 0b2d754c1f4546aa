package flow

import "time"

// meter makes rates and remaining times of Transfers.
type meter struct {
	now    func() time.Time
	from   time.Time // of the first byte that was sent
	before int64     // what was done then
	begun  bool
}

// least is how long a rate is not believed.
const least = 2 * time.Second

// progress is t with what the clock says.
func (m *meter) progress(t Transfer) Progress {
	p := Progress{Phase: t.Phase, Done: t.Done, All: t.All, There: t.There}
	sent := t.Done - t.There
	if !m.begun {
		m.begun, m.from, m.before = true, m.now(), sent
	}
	passed, moved := m.now().Sub(m.from), sent-m.before
	if passed < least || moved <= 0 {
		return p
	}
	p.Rate = int64(float64(moved) / passed.Seconds())
	if left := t.All - t.Done; t.All > 0 && left > 0 && p.Rate > 0 {
		p.Left = max(time.Duration(left/p.Rate)*time.Second, time.Second)
	}
	return p
}
