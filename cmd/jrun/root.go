package main

import (
	"errors"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const rootLong = `jrun runs a program inside a container image, as you, without root.

It fetches the image from its registry once, turns it into one squashfs file,
mounts that file for this job only, and becomes the program: same user, same
directory, same files at home, same exit status.

IMAGE is a name as docker knows it (registry/repository[:tag][@digest]), or
oci:DIR, oci-archive:FILE, docker-archive:FILE, or the path of a .sqfs file.`

const rootExamples = `  jrun login harbor.example.ac.jp
  jrun harbor.example.ac.jp/lab/python:3 python3 script.py
  jrun run harbor.example.ac.jp/lab/python:3 -- python3 -c 'print("hello")'
  jrun pull harbor.example.ac.jp/lab/python:3
  jrun shell harbor.example.ac.jp/lab/python:3
  jrun doctor`

const exitStatus = `
Exit status:
  that of the program; or 125 when jrun itself failed, 126 when the program
  cannot be executed, 127 when it is not found, 128+n after signal n
`

func newRootCommand() *cobra.Command {
	var g globalOptions
	var o runOptions
	root := &cobra.Command{
		Use:           "jrun [flags] IMAGE [COMMAND [ARGUMENT...]]",
		Short:         "Run programs inside container images, without root",
		Long:          rootLong,
		Example:       rootExamples,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return suggest(cmd, args, runRun(cmd.Context(), &g, &o, args))
		},
		TraverseChildren: true,
	}
	g.addFlags(root.PersistentFlags())
	o.addFlags(root.Flags())
	g.addPullFlag(root.Flags())
	root.Flags().SetInterspersed(false)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fault.New("cannot understand the command line", err, fault.Say("see '%s --help'", cmd.CommandPath()))
	})
	root.SetUsageTemplate(root.UsageTemplate() + exitStatus)
	root.AddCommand(
		newRunCommand(&g), newShellCommand(&g), newExecCommand(), newExplainCommand(&g), newPullCommand(&g), newImagesCommand(&g), newInspectCommand(&g),
		newRemoveCommand(&g), newConvertCommand(&g), newMountCommand(&g), newVerifyCommand(&g),
		newResolveCommand(&g), newGCCommand(&g), newPinCommand(&g), newUnpinCommand(&g), newStoreCommand(&g),
		newLoginCommand(&g), newLogoutCommand(&g),
		newHistoryCommand(&g), newWhyCommand(&g), newReproduceCommand(&g),
		newPBSCommand(&g), newPBSLaunchCommand(&g),
		newDoctorCommand(&g), newVersionCommand(),
	)
	root.AddCommand(extraCommands...)
	return root
}

// extraCommands are added by files that only special builds contain.
var extraCommands []*cobra.Command

// suggest adds "did you mean" when the word in the place of the image looks
// like a misspelt command.
func suggest(cmd *cobra.Command, args []string, err error) error {
	var f *fault.Error
	if err == nil || strings.ContainsAny(args[0], "/:.") || !errors.As(err, &f) {
		return err
	}
	if names := cmd.SuggestionsFor(args[0]); len(names) > 0 {
		return f.Advise(fault.Say("did you mean 'jrun %s'?", names[0]).Then(f.Advice()))
	}
	return err
}

// flagFault explains errors about flags that stand before a command: cobra does
// not give them to the function that is set for it.
func flagFault(err error) error {
	var known *fault.Error
	var invalid *pflag.InvalidValueError
	var missing *pflag.NotExistError
	var syntax *pflag.InvalidSyntaxError
	var value *pflag.ValueRequiredError
	isFlag := errors.As(err, &invalid) || errors.As(err, &missing) || errors.As(err, &syntax) || errors.As(err, &value)
	if errors.As(err, &known) || !isFlag {
		return err
	}
	return fault.New("cannot understand the command line", err, "see 'jrun --help'")
}

// wantArgs is cobra.ExactArgs and the like with an error that says what to type.
func wantArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return fault.New("cannot understand the command line", err, fault.Say("usage: %s", cmd.UseLine()).And("see '%s --help'", cmd.CommandPath()))
		}
		return nil
	}
}
