package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// many is for args: as many as one likes.
const many = -1

// args checks how many arguments there are, as cobra.RangeArgs does, with an error that
// says what to type.
func (p *program) args(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		next := []message.Text{message.Of("root.usage", cmd.UseLine()), message.Of("root.see-help", cmd.CommandPath())}
		switch {
		case !cmd.HasParent() && len(args) > 0:
			return p.unknownCommand(cmd, args[0])
		case len(args) < least:
			return message.Fail(message.Of("root.too-few", cmd.CommandPath()), nil, next...)
		case most != many && len(args) > most:
			return message.Fail(message.Of("root.too-many", cmd.CommandPath(), args[most]), nil, next...)
		}
		return nil
	}
}

// commandIn is what stands behind a name: a command, with or without a -- before it.
// A flag there would be taken for the command.
func commandIn(cmd *cobra.Command, args []string) ([]string, error) {
	if len(args) > 0 && args[0] == "--" {
		return args[1:], nil
	}
	if len(args) > 0 && strings.HasPrefix(args[0], "-") {
		return nil, message.Fail(message.Of("root.late-flag", args[0]), nil, message.Of("root.usage", cmd.UseLine()), message.Of("root.see-help", cmd.CommandPath()))
	}
	return args, nil
}

func (p *program) unknownCommand(root *cobra.Command, word string) error {
	next := []message.Text{message.Of("root.see-help", "jbuild")}
	if names := root.SuggestionsFor(word); len(names) > 0 {
		next = slices.Insert(next, 0, message.Of("root.did-you-mean", names[0]))
	}
	return message.Fail(message.Of("root.unknown-command", word), nil, next...)
}

// flagError explains a flag that a command does not have. One of a command that does
// not exist is cobra's first complaint, but not the mistake.
func (p *program) flagError(cmd *cobra.Command, err error) error {
	if args := cmd.Flags().Args(); !cmd.HasParent() && len(args) > 0 {
		return p.unknownCommand(cmd, args[0])
	}
	return flagFault(cmd, err)
}

// flagFault explains what pflag says of a flag. It is asked by main, too: errors about
// flags that stand before a command are not given to the function that is set for them.
func flagFault(cmd *cobra.Command, err error) error {
	var missing *pflag.NotExistError
	var value *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	var syntax *pflag.InvalidSyntaxError
	next := []message.Text{message.Of("root.see-help", cmd.CommandPath())}
	var known *message.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.As(err, &missing):
		if near := nearFlag(cmd, missing.GetSpecifiedName()); near != "" {
			next = slices.Insert(next, 0, message.Of("root.did-you-mean-flag", near))
		}
		return message.Fail(message.Of("root.unknown-flag", cmd.CommandPath(), dashed(missing.GetSpecifiedName(), missing.GetSpecifiedShortnames())), nil, next...)
	case errors.As(err, &value):
		takes, _ := pflag.UnquoteUsage(value.GetFlag())
		return message.Fail(message.Of("root.no-value", dashed(value.GetSpecifiedName(), value.GetSpecifiedShortnames())), nil,
			slices.Insert(next, 0, message.Of("root.usage", "--"+value.GetFlag().Name+" "+takes))...)
	case errors.As(err, &invalid):
		what := message.Of("root.bad-value", invalid.GetValue(), "--"+invalid.GetFlag().Name)
		switch invalid.GetFlag().Value.Type() {
		case "int":
			return message.Fail(what, nil, slices.Insert(next, 0, message.Of("root.number"))...)
		case "bool":
			return message.Fail(what, nil, slices.Insert(next, 0, message.Of("root.yes-no"))...)
		}
		return message.Fail(what, invalid.Unwrap(), next...)
	case errors.As(err, &syntax):
		return message.Fail(message.Of("root.bad-flag", syntax.GetSpecifiedFlag()), nil, next...)
	}
	return err
}

// dashed is a flag as it was typed.
func dashed(name, shorthands string) string {
	if shorthands != "" && len(name) <= 1 {
		return "-" + name
	}
	return "--" + name
}

// alike is how many first letters make a flag a likely one.
const alike = 3

// nearFlag is a flag that begins as the one that does not exist.
func nearFlag(cmd *cobra.Command, name string) (near string) {
	if len(name) < alike {
		return ""
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if near == "" && !f.Hidden && strings.HasPrefix(f.Name, name[:alike]) {
			near = "--" + f.Name
		}
	})
	return near
}
