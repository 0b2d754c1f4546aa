package main

import (
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/spf13/cobra"
)

// dockerWords are docker's commands that jbuild has under the same names, with the flags
// that scripts use.
var dockerWords = []string{"build", "history", "images", "inspect", "login", "logout", "pull", "push", "rmi", "tag", "version"}

// dockerGroups are docker's longer words for the same.
var dockerGroups = map[string]string{
	"buildx build": "build", "builder build": "build", "builder prune": "prune", "image build": "build", "image history": "history",
	"image inspect": "inspect", "image ls": "images", "image list": "images", "image prune": "prune", "image pull": "pull", "image push": "push",
	"image rm": "rmi", "image tag": "tag", "system prune": "prune",
}

// newDockerCommand is jbuild docker-compat, for alias docker='jbuild docker-compat': only
// docker's words, so that docker run is not taken for jbuild run.
func (p *program) newDockerCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "docker-compat COMMAND [ARGUMENT...]",
		Short:              p.Say("docker.short"),
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			words, err := translateDocker(cmd.Root(), args)
			if err != nil {
				return err
			}
			cmd.Root().SetArgs(words)
			return cmd.Root().ExecuteContext(cmd.Context())
		},
	}
}

// translateDocker makes jbuild's words from docker's.
func translateDocker(root *cobra.Command, args []string) ([]string, error) {
	if len(args) == 0 || args[0] == "--help" || args[0] == "-h" {
		return []string{"--help"}, nil
	}
	if len(args) > 1 {
		if word, ok := dockerGroups[args[0]+" "+args[1]]; ok {
			args = append([]string{word}, args[2:]...)
		}
	}
	has := func(word string) bool {
		return slices.ContainsFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == word })
	}
	if (slices.Contains(dockerWords, args[0]) || args[0] == "prune") && has(args[0]) {
		return args, nil
	}
	return nil, message.Fail(message.Of("docker.unknown", args[0]), nil,
		message.Of("docker.unknown.words", strings.Join(slices.DeleteFunc(slices.Clone(dockerWords), func(w string) bool { return !has(w) }), " ")),
		message.Of("docker.unknown.run"))
}
