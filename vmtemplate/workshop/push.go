package workshop

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/registry"
	"github.com/jrun-hpc/jrun/vmtemplate/upload"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
	"github.com/opencontainers/go-digest"
)

// PushOptions say how an image goes up.
type PushOptions struct {
	Overwrite bool
	Zstd      bool
	Progress  func(upload.Progress)
	Relogin   func(ctx context.Context, why error) (registry.Login, error)
}

// Target is where a name leads: the site's registry and the user's project are filled in
// where they are left out, as in "cfd:1" and "project/cfd:1". A missing tag is latest.
func (s *Workshop) Target(name string) (upload.Target, error) {
	name = strings.TrimPrefix(name, "docker://")
	first, rest, slash := strings.Cut(name, "/")
	hasHost := slash && (strings.ContainsAny(first, ".:") || first == "localhost")
	if !hasHost {
		if s.Config.Registry == "" {
			return upload.Target{}, message.Fail(message.Of("workshop.no-registry", name), nil, message.Of("workshop.no-registry.next", name), message.Of("workshop.no-registry.config"))
		}
		if !slash {
			user, err := s.User()
			if err != nil {
				return upload.Target{}, err
			}
			rest, first = name, s.Config.ProjectOf(user)
		}
		name = s.Config.Registry + "/" + first + "/" + rest
	}
	if strings.LastIndexByte(name, ':') < strings.LastIndexByte(name, '/') {
		name += ":latest"
	}
	return upload.ParseTarget(name)
}

// User is whose login to the site's registry is kept.
func (s *Workshop) User() (string, error) {
	access, err := s.Access()
	if err != nil {
		return "", err
	}
	if access.User == "" {
		return "", message.Fail(message.Of("workshop.not-logged-in", s.Config.Registry), nil, message.Of("workshop.not-logged-in.next", s.Config.Registry))
	}
	return access.User, nil
}

// Inspect asks whether an image of so many bytes could go up.
func (s *Workshop) Inspect(ctx context.Context, target upload.Target, bytes int64, o PushOptions) (upload.Report, error) {
	options, err := s.pushOptions(target, o)
	if err != nil {
		return upload.Report{}, err
	}
	return upload.Inspect(ctx, bytes, options)
}

// PushImage uploads an image.
func (s *Workshop) PushImage(ctx context.Context, img *workspace.Image, target upload.Target, o PushOptions) (upload.Result, error) {
	options, err := s.pushOptions(target, o)
	if err != nil {
		return upload.Result{}, err
	}
	up := upload.Image{Config: img.Config}
	for _, l := range img.Layers {
		up.Layers = append(up.Layers, layer{l})
	}
	return upload.Push(ctx, up, options)
}

// Push uploads a workspace, and notes that in it. Where the registry has what was uploaded
// last, only the difference goes up.
func (s *Workshop) Push(ctx context.Context, w *workspace.Workspace, how workspace.ImageOptions, target upload.Target, o PushOptions) (upload.Result, error) {
	how.Further = true
	result, err := s.pushOnce(ctx, w, how, target, o)
	if errors.Is(err, workspace.ErrUploaded) {
		how.Further = false // that was another registry, or it has lost it
		result, err = s.pushOnce(ctx, w, how, target, o)
	}
	return result, err
}

func (s *Workshop) pushOnce(ctx context.Context, w *workspace.Workspace, how workspace.ImageOptions, target upload.Target, o PushOptions) (upload.Result, error) {
	img, err := s.Image(ctx, w, how)
	if err != nil {
		return upload.Result{}, err
	}
	defer img.Close()
	result, err := s.PushImage(ctx, img, target, o)
	if err != nil {
		return result, err
	}
	var blobs []workspace.Blob
	for _, l := range result.Layers {
		blobs = append(blobs, workspace.Blob{Digest: l.Digest, Bytes: l.Size, MediaType: l.MediaType, Repositories: l.Repositories})
	}
	if err := w.Uploaded(img, blobs); err != nil {
		return result, err
	}
	return result, w.Update(func(state *workspace.State) {
		state.Pushes = append(state.Pushes, workspace.Push{Image: target.String(), Digest: result.Digest, At: time.Now().UTC().Truncate(time.Second), Writes: state.Writes})
	})
}

func (s *Workshop) pushOptions(target upload.Target, o PushOptions) (upload.Options, error) {
	ref, err := image.ParseReference(target.String())
	if err != nil {
		return upload.Options{}, err
	}
	access, err := s.Store.Client().Access(ref)
	if err != nil {
		return upload.Options{}, err
	}
	options := upload.Options{
		Target: target, Access: access, Dir: filepath.Join(s.Store.Dir(), "blobs"),
		Overwrite: o.Overwrite, Progress: o.Progress, Relogin: o.Relogin, UserAgent: "jbuild/" + s.Version,
	}
	if o.Zstd {
		options.Compression = upload.Zstd
	}
	return options, nil
}

// layer is a layer of the store, for uploading.
type layer struct{ workspace.Layer }

func (l layer) DiffID() digest.Digest { return l.Layer.DiffID }

func (l layer) Known() upload.Known {
	return upload.Known{Digest: l.Blob.Digest, Size: l.Blob.Bytes, MediaType: l.Blob.MediaType, Repositories: l.Blob.Repositories}
}
