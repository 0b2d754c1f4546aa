package flow

import (
	"context"
	"errors"
	"slices"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// chooseWorkspace asks which one, for continuing, uploading or deleting.
func (s *Session) chooseWorkspace(ctx context.Context, title message.Text, flag string) (Workspace, error) {
	all, err := s.list(ctx)
	if err != nil {
		return Workspace{}, err
	}
	if len(all) == 0 {
		return Workspace{}, ErrBack
	}
	c := Choice{
		Asked:   Asked{ID: "which", Title: title, Label: message.Of("flow.workspace.label"), Flag: flag},
		Columns: []Column{{Title: message.Of("flow.column.name")}, {Title: message.Of("flow.column.base")}, {Title: message.Of("flow.column.size"), Right: true}, {Title: message.Of("flow.column.used")}},
		Search:  len(all) > 9,
		Rows:    s.workspaceRows(all),
	}
	c.Default = c.Rows[0].Key
	name, err := s.Face.Choose(ctx, c)
	for _, w := range all {
		if w.Name == name {
			return w, err
		}
	}
	return Workspace{}, err
}

// workspaceRows are name, base, size and time of each, the one used last first.
func (s *Session) workspaceRows(all []Workspace) (rows []Row) {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Workspace) int { return b.Used.Compare(a.Used) })
	for _, w := range all {
		note := message.Of("flow.workspace.never")
		if w.Uploaded != "" {
			note = message.Of("flow.workspace.uploaded", s.short(w.Uploaded))
		}
		rows = append(rows, Row{Key: w.Name, Cells: []message.Text{message.Plain(w.Name), message.Plain(s.short(w.Base)), size(w.Bytes), moment(w.Used)}, Note: note})
	}
	return rows
}

func (s *Session) goOn(ctx context.Context) error {
	w, err := s.chooseWorkspace(ctx, message.Of("flow.which.continue"), "jbuild shell NAME")
	if err != nil {
		return err
	}
	return s.inside(ctx, w.Name)
}

func (s *Session) deleteOne(ctx context.Context) error {
	w, err := s.chooseWorkspace(ctx, message.Of("flow.which.delete"), "jbuild rm NAME")
	if err != nil {
		return err
	}
	return s.discard(ctx, w.Name)
}

// uploadOne uploads a workspace that was made earlier.
func (s *Session) uploadOne(ctx context.Context) error {
	w, err := s.chooseWorkspace(ctx, message.Of("flow.which.upload"), "jbuild push NAME")
	if err != nil {
		return err
	}
	s.working = w.Name
	changes, err := s.changes(ctx, w.Name)
	if err != nil {
		return err
	}
	s.tellChanges(w.Name, changes)
	err = s.upload(ctx, w.Name, changes)
	if errors.Is(err, errBackIntoShell) {
		return s.inside(ctx, w.Name)
	}
	return err
}
