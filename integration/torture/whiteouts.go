package torture

// whiteouts hide what lower layers hold, and nothing else.
func whiteouts() []scenario {
	opaque := func(where string) entry { return text(where+".wh..wh..opq", "") }
	return []scenario{
		{
			name: "whiteout-file",
			layers: [][]entry{
				{dir("."), text("gone", "1"), text("stays", "2")},
				{text(".wh.gone", ""), text(".wh.never-was", "")},
			},
			want: map[string]File{".": isDir(0), "stays": isText("2")},
		},
		{
			name: "whiteout-directory",
			layers: [][]entry{
				{dir("."), dir("d"), dir("d/sub"), text("d/sub/file", "1")},
				{text(".wh.d", "")},
			},
			want: map[string]File{".": isDir(0)},
		},
		{
			name: "whiteout-and-add-again",
			layers: [][]entry{
				{dir("."), dir("before"), text("before/old", "1"), dir("after"), text("after/old", "1")},
				{
					text(".wh.before", ""), dir("before"), text("before/new", "2"),
					dir("after"), text("after/new", "2"), text(".wh.after", ""),
				},
			},
			want: map[string]File{
				".": isDir(2), "before": isDir(0), "before/new": isText("2"), "after": isDir(0), "after/new": isText("2"),
			},
		},
		{
			name: "whiteout-and-add-below",
			layers: [][]entry{
				{dir("."), dir("d"), text("d/old", "1")},
				{text("d/new", "2"), text(".wh.d", "")},
			},
			want: map[string]File{".": isDir(1), "d": isImplied(0), "d/new": isText("2")},
		},
		{
			name: "whiteout-of-own-layer",
			layers: [][]entry{
				{dir("."), text("file", "1"), text(".wh.file", "")},
			},
			want: map[string]File{".": isDir(0), "file": isText("1")},
		},
		{
			name: "whiteout-then-back",
			layers: [][]entry{
				{dir("."), text("file", "1")},
				{text(".wh.file", "")},
				{text("file", "3")},
			},
			want: map[string]File{".": isDir(0), "file": isText("3")},
		},
		{
			name: "whiteout-of-link-keeps-target",
			layers: [][]entry{
				{dir("."), text("target", "1"), symlink("link", "target"), dir("real"), text("real/file", "1"), symlink("dirlink", "real")},
				{text(".wh.link", ""), text("dirlink/.wh.file", "")},
			},
			want: map[string]File{".": isDir(1), "target": isText("1"), "real": isDir(0), "dirlink": isLink("real")},
		},
		{
			name: "opaque",
			layers: [][]entry{
				{
					dir("."), dir("first"), text("first/old", "1"), dir("first/sub"), text("first/sub/old", "1"),
					dir("last"), text("last/old", "1"),
				},
				{
					dir("first"), opaque("first/"), text("first/new", "2"),
					dir("last").mode(0o700), text("last/new", "2"), opaque("last/"), opaque("missing/"),
				},
			},
			want: map[string]File{
				".": isDir(2), "first": isDir(0), "first/new": isText("2"),
				"last": isDir(0).withMode(0o700), "last/new": isText("2"),
			},
		},
		{
			name: "opaque-directory-for-link",
			layers: [][]entry{
				{dir("."), dir("real"), text("real/file", "1"), symlink("d", "real")},
				{dir("d"), opaque("d/"), text("d/new", "2")},
			},
			want: map[string]File{
				".": isDir(2), "real": isDir(0), "real/file": isText("1"), "d": isDir(0), "d/new": isText("2"),
			},
		},
		{
			name: "aufs-names",
			layers: [][]entry{
				{
					dir("."), text(".wh..wh.aufs", "x"), dir(".wh..wh.orph"), text(".wh..wh.orph/lost", "x"),
					text("file", "1"),
				},
			},
			want: map[string]File{".": isDir(0), "file": isText("1")},
		},
	}
}
