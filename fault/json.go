package fault

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// MarshalJSON writes a text for another process, which says it in its reader's
// language: an array of phrases, each the format and its arguments. Those that are no
// texts, numbers or truths are written as they are printed.
func (t Text) MarshalJSON() ([]byte, error) {
	phrases := make([][]any, len(t))
	for i, p := range t {
		phrases[i] = []any{p.format}
		for _, arg := range p.args {
			phrases[i] = append(phrases[i], portable(arg))
		}
	}
	return json.Marshal(phrases)
}

func portable(arg any) any {
	switch v := arg.(type) {
	case Text, string, bool, int, int64, uint64, uint32:
		return v
	case error:
		return TextOf(v)
	case Speaker:
		return v.FaultText()
	}
	return fmt.Sprint(arg)
}

// TextOf is what an error says, as far as it is ours, and else its words.
func TextOf(err error) Text {
	switch e := err.(type) { //nolint:errorlint // what this error itself says
	case *Error:
		if e.Why == nil {
			return e.Said()
		}
		return Say("%v: %v", e.Said(), TextOf(e.Why))
	case Speaker:
		return e.FaultText()
	}
	if inner := wrapped(err); len(inner) == 1 && inner[0].Error() == err.Error() { // it only marks the other
		return TextOf(inner[0])
	}
	return Text{{format: err.Error()}}
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (t *Text) UnmarshalJSON(b []byte) error {
	var phrases [][]json.RawMessage
	if err := json.Unmarshal(b, &phrases); err != nil {
		return fmt.Errorf("decoding a text: %w", err)
	}
	*t = nil
	for _, raw := range phrases {
		var p phrase
		for i, part := range raw {
			value, err := argument(part)
			if err != nil {
				return fmt.Errorf("decoding a text: %w", err)
			}
			format, isText := value.(string)
			switch {
			case i > 0:
				p.args = append(p.args, value)
			case !isText:
				return fmt.Errorf("decoding a text: %s is no format", part)
			default:
				p.format = format
			}
		}
		*t = append(*t, p)
	}
	return nil
}

func argument(raw json.RawMessage) (any, error) {
	if bytes.HasPrefix(raw, []byte("[")) {
		var t Text
		err := json.Unmarshal(raw, &t)
		return t, err
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	if number, ok := value.(json.Number); ok {
		return number.Int64()
	}
	return value, err
}
