package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/jrun-hpc/jrun/vmtemplate/terminal"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// How wide help is. Names of flags that are longer than mostFlag have their text below.
const (
	helpColumns = 80
	mostFlag    = 30
)

func (p *program) newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   p.Say("help.use"),
		Short: p.Say("help.short"),
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || about == cmd.Root() && len(rest) > 0 {
				return p.unknownCommand(cmd.Root(), args[0])
			}
			return about.Help()
		},
	}
}

// printHelp writes the help of a command. cobra's own is in English, and counts
// characters where it should count columns.
func (p *program) printHelp(cmd *cobra.Command, groups []group) {
	var b strings.Builder
	long := cmd.Long
	if long == "" {
		long = cmd.Short
	}
	fmt.Fprintln(&b, filled(strings.TrimSpace(long)))
	p.section(&b, p.Say("help.usage"), p.usageLines(cmd))
	p.section(&b, p.Say("help.examples"), cmd.Example)
	if !cmd.HasParent() {
		var widest int
		for _, g := range groups {
			for _, c := range g.commands {
				widest = max(widest, len(c.Name()))
			}
		}
		for _, g := range groups {
			p.section(&b, g.title, commandLines(g.commands, widest))
		}
	}
	p.section(&b, p.Say("help.flags"), p.flagLines(cmd.LocalFlags()))
	p.section(&b, p.Say("help.flags-of-all"), p.flagLines(cmd.InheritedFlags()))
	if !cmd.HasParent() {
		fmt.Fprintf(&b, "\n%s\n", p.Say("help.more"))
	}
	p.section(&b, p.Say("help.status"), p.Say("help.status.text"))
	_, _ = io.WriteString(cmd.OutOrStdout(), b.String()) // nobody reads on
}

// filled breaks paragraphs into lines anew: what the catalogue breaks is narrow enough
// for its own readers only.
func filled(text string) string {
	paragraphs := strings.Split(text, "\n\n")
	for i, paragraph := range paragraphs {
		joined := ""
		for l := range strings.SplitSeq(paragraph, "\n") {
			if joined != "" && (!isWide(lastRune(joined)) || !isWide(firstRune(l))) {
				joined += " "
			}
			joined += l
		}
		paragraphs[i] = strings.Join(terminal.Wrap(joined, helpColumns), "\n")
	}
	return strings.Join(paragraphs, "\n\n")
}

func firstRune(s string) string { r, _ := utf8.DecodeRuneInString(s); return string(r) }

func lastRune(s string) string { r, _ := utf8.DecodeLastRuneInString(s); return string(r) }

// isWide: between two of these characters Japanese has no blank.
func isWide(character string) bool { return terminal.Width(character) == 2 }

// section is a part of the help with its head; nothing when it is empty.
func (p *program) section(b *strings.Builder, head, text string) {
	if text = strings.Trim(text, "\n"); text != "" {
		fmt.Fprintf(b, "\n%s\n%s\n", head, text)
	}
}

func (p *program) usageLines(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return p.Say("help.usage.root")
	}
	return "  " + cmd.UseLine()
}

func commandLines(commands []*cobra.Command, widest int) string {
	var b strings.Builder
	for _, c := range commands {
		indented(&b, fmt.Sprintf("  %-*s  ", widest, c.Name()), c.Short)
	}
	return b.String()
}

// flagLines lists flags with what they take and what they are without being given.
func (p *program) flagLines(flags *pflag.FlagSet) string {
	var names, texts []string
	widest := 0
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, text := pflag.UnquoteUsage(f)
		name := "      --" + f.Name
		if f.Shorthand != "" {
			name = "  -" + f.Shorthand + ", --" + f.Name
		}
		if value != "" {
			name += " " + value
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "[]" {
			text += p.Say("help.default", f.DefValue)
		}
		names, texts = append(names, name), append(texts, text)
		if w := terminal.Width(name); w <= mostFlag {
			widest = max(widest, w)
		}
	})
	var b strings.Builder
	for i, name := range names {
		if terminal.Width(name) > mostFlag {
			fmt.Fprintln(&b, name)
			name = ""
		}
		indented(&b, name+strings.Repeat(" ", widest+2-terminal.Width(name)), texts[i])
	}
	return b.String()
}

// indented writes a text behind its head, and the lines that do not fit below it.
func indented(b *strings.Builder, head, text string) {
	width := terminal.Width(head)
	for _, l := range terminal.Wrap(text, helpColumns-width) {
		fmt.Fprintln(b, head+l)
		head = strings.Repeat(" ", width)
	}
}
