package torture

// replacements: one name, several entries.
func replacements() []scenario {
	return []scenario{
		{
			name: "file-over-directory",
			layers: [][]entry{
				{dir("."), dir("x"), dir("x/sub"), text("x/sub/file", "1")},
				{text("x", "2")},
			},
			want: map[string]File{".": isDir(0), "x": isText("2")},
		},
		{
			name: "directory-over-file-and-back",
			layers: [][]entry{
				{dir("."), text("x", "1"), text("y", "1")},
				{dir("x"), text("x/in", "2"), dir("y"), text("y/in", "2")},
				{text("y", "3")},
			},
			want: map[string]File{".": isDir(1), "x": isDir(0), "x/in": isText("2"), "y": isText("3")},
		},
		{
			name: "directory-over-directory",
			layers: [][]entry{
				{dir("."), dir("d").xattrs(map[string]string{"user.old": "1"}), text("d/lower", "1")},
				{dir("d").mode(0o2750).owner(3, 4).xattrs(map[string]string{"user.new": "2"}), text("d/upper", "2")},
			},
			want: map[string]File{
				".":       isDir(1),
				"d":       isDir(0).withMode(0o2750).withOwner(3, 4).withXattrs(map[string]string{"user.new": "2"}),
				"d/lower": isText("1"), "d/upper": isText("2"),
			},
		},
		{
			name: "directory-over-symlink",
			layers: [][]entry{
				{dir("."), dir("real"), text("real/file", "1"), symlink("d", "real")},
				{dir("d"), text("d/new", "2")},
			},
			want: map[string]File{".": isDir(2), "real": isDir(0), "real/file": isText("1"), "d": isDir(0), "d/new": isText("2")},
		},
		{
			name: "symlink-over-directory",
			layers: [][]entry{
				{dir("."), dir("real"), text("real/file", "1"), dir("d"), text("d/old", "1")},
				{symlink("d", "real"), text("d/new", "2")},
			},
			want: map[string]File{".": isDir(1), "real": isDir(0), "real/file": isText("1"), "real/new": isText("2"), "d": isLink("real")},
		},
		{
			name: "file-over-symlink",
			layers: [][]entry{
				{dir("."), text("target", "1"), symlink("x", "target")},
				{text("x", "2")},
			},
			want: map[string]File{".": isDir(0), "target": isText("1"), "x": isText("2")},
		},
		{
			name: "twice-in-one-tar",
			layers: [][]entry{
				{
					dir("."), text("file", "first"), text("file", "last"),
					text("kind", "1"), dir("kind"), text("kind/in", "2"),
					dir("back"), text("back/in", "1"), text("back", "2"),
					text("a", "1"), hardlink("b", "a"), text("a", "2"),
				},
			},
			want: map[string]File{
				".": isDir(1), "file": isText("last"), "kind": isDir(0), "kind/in": isText("2"), "back": isText("2"),
				"a": isText("2"), "b": isText("1"),
			},
		},
		{
			name: "missing-parents",
			layers: [][]entry{
				{text("a/b/c", "1")},
				{dir("a/b").mode(0o700)},
			},
			want: map[string]File{
				".": isImplied(1), "a": isImplied(1), "a/b": isDir(0).withMode(0o700), "a/b/c": isText("1"),
			},
		},
	}
}
