//go:build e2e

package web

import (
	"unicode"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
)

type inputTextParams = input.InsertTextParams

var inputText cdp.Command[input.InsertTextParams, cdp.Empty] = input.InsertText

// Modifiers of a key.
const (
	ctrl  = 2
	shift = 8
)

// named are the keys that write nothing, or not what they are called.
var named = map[string]input.DispatchKeyEventParams{
	"Enter":      {Code: "Enter", WindowsVirtualKeyCode: 13, Text: "\r"},
	"Tab":        {Code: "Tab", WindowsVirtualKeyCode: 9},
	"ArrowDown":  {Code: "ArrowDown", WindowsVirtualKeyCode: 40},
	"ArrowRight": {Code: "ArrowRight", WindowsVirtualKeyCode: 39},
	".":          {Code: "Period", WindowsVirtualKeyCode: 190},
	" ":          {Code: "Space", WindowsVirtualKeyCode: 32, Text: " "},
}

// key presses one key.
func (p *tab) key(name string, modifiers int64) {
	p.Helper()
	k, ok := named[name]
	if !ok {
		k = input.DispatchKeyEventParams{Code: "Key" + string(unicode.ToUpper(rune(name[0]))), WindowsVirtualKeyCode: int64(unicode.ToUpper(rune(name[0]))), Text: name}
	}
	k.Key, k.Modifiers = name, modifiers
	if modifiers&ctrl != 0 {
		k.Text = ""
	}
	k.UnmodifiedText = k.Text
	k.Type = input.DispatchKeyEventTypeKeyDown
	if k.Text == "" {
		k.Type = input.DispatchKeyEventTypeRawKeyDown
	}
	up := k
	up.Type, up.Text, up.UnmodifiedText = input.DispatchKeyEventTypeKeyUp, "", ""
	p.do(call(input.DispatchKeyEvent, k), call(input.DispatchKeyEvent, up))
}

// keys types a line; \r is Enter.
func (p *tab) keys(text string) {
	p.Helper()
	for _, r := range text {
		if r == '\r' {
			p.key("Enter", 0)
			continue
		}
		p.key(string(r), 0)
	}
}
