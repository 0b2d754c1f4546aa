package main

import (
	"cmp"
	"os"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/provenance"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/runtime/inject"
	"github.com/jrun-hpc/jrun/runtime/launch"
)

// record writes down what is about to run, once for all processes of the job. It
// must not keep a job from running: a failure is mentioned with --verbose.
func (s *session) record(r provenance.Record, object store.Object, brought func() []inject.Item) {
	book := provenance.Book{Store: s.store}
	if s.isOfRegistry(r) {
		book.Written = s.tellUse
	}
	err := book.Write(r, func(r *provenance.Record) {
		r.UID = os.Getuid()
		r.User = cmp.Or(os.Getenv("LOGNAME"), os.Getenv("USER"))
		r.Host, _ = os.Hostname() // for people
		for _, layer := range object.Meta.Layers {
			r.Image.Layers = append(r.Image.Layers, layer.Digest)
		}
		r.Machine = provenance.ThisMachine("/", version())
		r.Injected = injections(brought())
	})
	if err != nil {
		s.report.detail("this run is not in the history: " + err.Error())
		if s.isOfRegistry(r) {
			r.UID = os.Getuid()
			s.tellUseOnce(r)
		}
	}
}

// describe is a record without what is not part of its key and takes time to find.
func (s *session) describe(o *runOptions, l *launch.Options, object store.Object, resolved image.Resolved) provenance.Record {
	directory, _ := os.Getwd() // launch says what is wrong with it
	r := provenance.Record{
		Version: provenance.Version,
		Job:     recordedJob(),
		Started: time.Now().UTC(),
		Image: provenance.Image{
			Name:      l.Name,
			Reference: resolved.Reference.String(),
			Digest:    object.Digest,
			Resolved:  resolved.Digest,
			How:       string(resolved.How),
			SettledBy: string(resolved.Settled),
			Answered:  resolved.Time.UTC(),
			Source:    provenance.FromOwn,
		},
		Command: provenance.Command{
			Arguments: l.Args, Entrypoint: l.Entrypoint, Shell: l.Shell, Workdir: l.Workdir, Directory: directory,
		},
		Options: provenance.Options{
			Binds: absoluteBinds(o.binds), SiteBinds: l.Binds[:len(l.Binds)-len(o.binds)],
			CleanEnv: l.CleanEnv, NoHome: l.NoHome, WritableTmpfs: l.WritableTmpfs, Root: l.Root, GPU: notAuto(l.GPU), MPI: notAuto(l.MPI),
		},
		Environment: provenance.Variables(os.Environ(), l.Config.Env, l.Env, l.CleanEnv),
	}
	if pull := s.clientOptions.Pull; pull != image.PullAsk {
		r.Image.Pull = pullWords[pull]
	}
	if len(l.Args) == 0 && l.Entrypoint == "" && !l.Shell {
		r.Command.Image = append(append([]string{}, l.Config.Entrypoint...), l.Config.Cmd...)
	}
	switch {
	case object.Site:
		r.Image.Source = provenance.FromSite
	case !s.store.Holds(object):
		r.Image.Source = provenance.FromFile
		r.Image.File = fileOf(l.Image, object.Path)
	}
	if r.Image.Resolved == "" && resolved.Reference.Kind() != image.Squashfs {
		r.Image.Resolved = object.Digest
	}
	return r
}

// injections are items as they are recorded.
func injections(items []inject.Item) []provenance.Injection {
	var list []provenance.Injection
	for _, item := range items {
		i := provenance.Injection{Kind: item.Kind.String(), Source: item.Host, Destination: item.Inside, Value: item.Value, Why: item.Why}
		if item.IsVariable() && provenance.IsSecret(item.Inside) {
			i.Value, i.Secret = "", true
		}
		list = append(list, i)
	}
	return list
}

func fileOf(f *os.File, path string) *provenance.File {
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	return &provenance.File{Path: path, SizeBytes: info.Size(), Modified: info.ModTime().UTC()}
}

// absoluteBinds is binds with sources that mean the same everywhere.
func absoluteBinds(binds []string) []string {
	var list []string
	for _, text := range binds {
		_, rest, _ := strings.Cut(text, ":")
		source, err := launch.BindSource(text)
		if err != nil {
			continue // it is refused before anything runs
		}
		if rest == "" {
			rest = source // where it is shown without a destination
		}
		list = append(list, source+":"+rest)
	}
	return list
}

// notAuto is the value of --gpu or --mpi in records, which leave out what is the default.
func notAuto(value string) string {
	if value == "auto" {
		return ""
	}
	return value
}
