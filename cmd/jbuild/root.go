package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/site"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// program is what all commands share.
type program struct {
	*message.Printer

	lang  string
	json  bool
	plain bool // numbered questions
}

func newRootCommand(printer *message.Printer) *cobra.Command {
	p := &program{Printer: printer}
	root := &cobra.Command{
		Use:           "jbuild",
		Short:         p.Say("root.short"),
		Long:          p.Say("root.long"),
		Example:       p.Say("root.examples"),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          p.wantArgs(cobra.NoArgs),
		RunE:          func(cmd *cobra.Command, _ []string) error { return p.runGuided(cmd) },
	}
	root.PersistentFlags().StringVar(&p.lang, "lang", "", p.Say("root.lang"))
	root.PersistentFlags().BoolVar(&p.json, "json", false, p.Say("root.json"))
	root.PersistentFlags().BoolVar(&p.plain, "plain", false, p.Say("root.plain"))
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return p.checkLanguage() }
	root.SetFlagErrorFunc(p.flagError)
	root.SetUsageTemplate(p.Say("root.usage-template") + "\n")
	root.SetHelpTemplate("{{with (or .Long .Short)}}{{. | trimTrailingWhitespaces}}\n\n{{end}}{{if or .Runnable .HasSubCommands}}{{.UsageString}}{{end}}")
	for _, command := range commands {
		root.AddCommand(command(p))
	}
	root.SetHelpCommand(&cobra.Command{Use: "help", Hidden: true})
	root.SuggestionsMinimumDistance = 2
	eachCommand(root, func(c *cobra.Command) {
		c.InitDefaultHelpFlag()
		c.Flags().Lookup("help").Usage = p.Say("root.help")
	})
	root.CompletionOptions.HiddenDefaultCmd = true
	return root
}

// commands are those of the other files, in the order in which help lists them.
var commands = []func(*program) *cobra.Command{
	(*program).newNewCommand, (*program).newShellCommand, (*program).newRunCommand, (*program).newListCommand,
	(*program).newPushCommand, (*program).newLoginCommand, (*program).newLogoutCommand, (*program).newTestCommand, (*program).newCheckCommand, (*program).newConvertForTestCommand,
	(*program).newScriptCommand, (*program).newBasesCommand, (*program).newRecipeCommand, (*program).newReplayCommand, (*program).newDiffCommand, (*program).newSaveCommand, (*program).newCopyCommand,
	(*program).newExportCommand, (*program).newImportCommand, (*program).newRenameCommand, (*program).newRemoveCommand,
	(*program).newBuildCommand, (*program).newPullCommand, (*program).newImagesCommand, (*program).newTagCommand,
	(*program).newRemoveImageCommand, (*program).newInspectCommand, (*program).newHistoryCommand, (*program).newPruneCommand,
	(*program).newSaveImageCommand, (*program).newDockerCommand, (*program).newVersionCommand,
}

func eachCommand(c *cobra.Command, do func(*cobra.Command)) {
	do(c)
	for _, sub := range c.Commands() {
		eachCommand(sub, do)
	}
}

func (p *program) checkLanguage() error {
	if p.lang == "" {
		return nil
	}
	if _, ok := message.For(p.lang); !ok {
		return message.Fail(message.Of("root.bad-lang", p.lang), nil, message.Of("site.language.next", strings.Join(message.Languages, ", ")))
	}
	return nil
}

// config reads jbuild.toml.
func (p *program) config() (site.Config, error) { return site.Load(getenv) }

// flagError explains a flag that a command does not have. One of a command that does
// not exist is cobra's first complaint, but not the mistake.
func (p *program) flagError(cmd *cobra.Command, err error) error {
	if args := cmd.Flags().Args(); !cmd.HasParent() && len(args) > 0 {
		return p.unknownCommand(cmd, args[0])
	}
	return usageFault(cmd, err)
}

func usageFault(cmd *cobra.Command, err error) error {
	return message.Fail(message.Of("root.usage-fault"), err, message.Of("root.see-help", cmd.CommandPath()))
}

// flagFault explains errors about flags that stand before a command: cobra does not
// give them to the function that is set for it. Of commands that do not exist it
// says so, too.
func flagFault(err error) error {
	var known *message.Error
	var invalid *pflag.InvalidValueError
	var missing *pflag.NotExistError
	var syntax *pflag.InvalidSyntaxError
	var value *pflag.ValueRequiredError
	isFlag := errors.As(err, &invalid) || errors.As(err, &missing) || errors.As(err, &syntax) || errors.As(err, &value)
	if errors.As(err, &known) || !isFlag {
		return err
	}
	return message.Fail(message.Of("root.usage-fault"), err, message.Of("root.see-help", "jbuild"))
}

// wantArgs is cobra.ExactArgs and the like with an error that says what to type.
func (p *program) wantArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if !cmd.HasParent() && len(args) > 0 {
			return p.unknownCommand(cmd, args[0])
		}
		if err := check(cmd, args); err != nil {
			return message.Fail(message.Of("root.usage-fault"), err, message.Of("root.usage", cmd.UseLine()), message.Of("root.see-help", cmd.CommandPath()))
		}
		return nil
	}
}

func (p *program) unknownCommand(root *cobra.Command, word string) error {
	next := []message.Text{message.Of("root.see-help", "jbuild")}
	if names := root.SuggestionsFor(word); len(names) > 0 {
		next = slices.Insert(next, 0, message.Of("root.did-you-mean", names[0]))
	}
	return message.Fail(message.Of("root.unknown-command", word), nil, next...)
}
