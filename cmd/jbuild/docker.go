package main

import (
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/spf13/cobra"
)

// dockerWords are docker's commands that jbuild has, with the flags that scripts use, and
// its own words for them.
var dockerWords = map[string]string{
	"build": "build", "history": "history", "images": "images", "inspect": "inspect", "login": "login", "logout": "logout",
	"pull": "pull", "push": "push", "rmi": "rmi", "save": "save-image", "tag": "tag", "version": "version",

	"buildx build": "build", "builder build": "build", "builder prune": "prune", "image build": "build", "image history": "history",
	"image inspect": "inspect", "image ls": "images", "image list": "images", "image prune": "prune", "image pull": "pull", "image push": "push",
	"image rm": "rmi", "image save": "save-image", "image tag": "tag", "system prune": "prune",
}

// newDockerCommand is jbuild docker-compat, for alias docker='jbuild docker-compat': only
// docker's words, so that docker run is not taken for jbuild run.
func (p *program) newDockerCommand() *cobra.Command {
	return &cobra.Command{
		Use:                p.Say("docker.use"),
		Short:              p.Say("docker.short"),
		Long:               p.Say("docker.long"),
		Example:            p.Say("docker.examples"),
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
	has := func(word string) bool {
		return slices.ContainsFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == word })
	}
	if word, ok := dockerWords[strings.Join(args[:min(len(args), 2)], " ")]; ok && has(word) {
		return append([]string{word}, args[min(len(args), 2):]...), nil
	}
	if word, ok := dockerWords[args[0]]; ok && has(word) {
		return append([]string{word}, args[1:]...), nil
	}
	var known []string
	for docker, word := range dockerWords {
		if has(word) && !strings.Contains(docker, " ") {
			known = append(known, docker)
		}
	}
	slices.Sort(known)
	return nil, message.Fail(message.Of("docker.unknown", args[0]), nil,
		message.Of("docker.unknown.words", strings.Join(known, " ")), message.Of("docker.unknown.run"))
}
