package main

import (
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/site"
	"github.com/spf13/cobra"
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
		Args:          p.args(0, 0),
		RunE:          func(cmd *cobra.Command, _ []string) error { return p.runGuided(cmd) },
	}
	root.PersistentFlags().StringVar(&p.lang, "lang", "", p.Say("root.lang"))
	root.PersistentFlags().BoolVar(&p.json, "json", false, p.Say("root.json"))
	root.PersistentFlags().BoolVar(&p.plain, "plain", false, p.Say("root.plain"))
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return p.checkLanguage() }
	root.SetFlagErrorFunc(p.flagError)
	groups := p.groups()
	for _, g := range groups {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, c := range g.commands {
			c.GroupID = g.id
			root.AddCommand(c)
		}
	}
	root.AddCommand(p.newDockerCommand(), p.newSaveImageCommand(), p.newConvertForTestCommand(), p.newTryNamespaceCommand())
	root.AddCommand(extraCommands...)
	root.SetHelpCommand(p.newHelpCommand())
	root.InitDefaultHelpCmd()
	root.SuggestionsMinimumDistance = 2
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { p.printHelp(cmd, groups) })
	eachCommand(root, func(c *cobra.Command) {
		c.DisableFlagsInUseLine = true
		c.InitDefaultHelpFlag()
		c.Flags().Lookup("help").Usage = p.Say("root.help")
	})
	return root
}

// extraCommands are those of builds with other tags; see man.go.
var extraCommands []*cobra.Command

// group is a part of the list of commands, in the order in which one needs them.
type group struct {
	id, title string
	commands  []*cobra.Command
}

func (p *program) groups() []group {
	return []group{
		{"begin", p.Say("root.group.begin"), []*cobra.Command{
			p.newWebCommand(), p.newLoginCommand(), p.newBasesCommand(), p.newNewCommand(), p.newImportCommand(),
		}},
		{"work", p.Say("root.group.work"), []*cobra.Command{
			p.newListCommand(), p.newShellCommand(), p.newRunCommand(), p.newCopyCommand(), p.newDiffCommand(),
			p.newRenameCommand(), p.newRemoveCommand(),
		}},
		{"finish", p.Say("root.group.finish"), []*cobra.Command{
			p.newTestCommand(), p.newCheckCommand(), p.newPushCommand(), p.newScriptCommand(), p.newSaveCommand(),
			p.newExportCommand(), p.newRecipeCommand(), p.newReplayCommand(), p.newReportCommand(),
		}},
		{"docker", p.Say("root.group.docker"), []*cobra.Command{
			p.newBuildCommand(), p.newPullCommand(), p.newImagesCommand(), p.newTagCommand(), p.newRemoveImageCommand(),
			p.newInspectCommand(), p.newHistoryCommand(), p.newPruneCommand(),
		}},
		{"other", p.Say("root.group.other"), []*cobra.Command{
			p.newLogoutCommand(), p.newDoctorCommand(), p.newCompletionCommand(), p.newVersionCommand(),
		}},
	}
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
		return message.Fail(message.Of("root.bad-lang", p.lang), nil, message.Of("root.bad-lang.next", strings.Join(message.Languages, ", --lang ")))
	}
	return nil
}

// config reads jbuild.toml.
func (p *program) config() (site.Config, error) { return site.Load(getenv) }
