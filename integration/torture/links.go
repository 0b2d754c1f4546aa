package torture

import (
	"archive/tar"
	"strings"
)

// links: hard ones share an inode across names and layers, symbolic ones are
// never followed in the last place and never lead out of the image.
func links() []scenario {
	longTarget := strings.Repeat("0123456789abcde/", 200) + "end"
	farm := scenario{
		name:   "hardlink-farm",
		layers: [][]entry{{dir("."), text("target", "shared")}},
		want:   map[string]File{".": isDir(0), "target": isText("shared").withNlink(41)},
	}
	for i := range 40 {
		name := "link-" + string(rune('A'+i%26)) + strings.Repeat("x", i/26)
		farm.layers[0] = append(farm.layers[0], hardlink(name, "target"))
		farm.want[name] = isText("shared").withNlink(41)
	}
	return []scenario{
		farm,
		{
			name: "hardlink-across-layers",
			layers: [][]entry{
				{dir("."), dir("lower"), text("lower/file", "1").mode(0o640).owner(5, 6)},
				{dir("upper"), hardlink("upper/link", "lower/file")},
				{text("lower/.wh.file", ""), hardlink("third", "upper/link")},
			},
			want: map[string]File{
				".": isDir(2), "lower": isDir(0), "upper": isDir(0),
				"upper/link": isText("1").withMode(0o640).withOwner(5, 6).withNlink(2),
				"third":      isText("1").withMode(0o640).withOwner(5, 6).withNlink(2),
			},
		},
		{
			name: "hardlink-to-hidden",
			layers: [][]entry{
				{dir("."), text("a", "1"), text("b", "2"), dir("d"), text("d/c", "3")},
				{
					text(".wh.a", ""), hardlink("a-moved", "a"),
					hardlink("b-moved", "b"), text(".wh.b", ""),
					text(".wh.d", ""), dir("d"), hardlink("c-moved", "d/c"),
				},
			},
			want: map[string]File{
				".": isDir(1), "d": isDir(0), "a-moved": isText("1"), "b-moved": isText("2"), "c-moved": isText("3"),
			},
		},
		{
			name: "hardlink-broken-by-upper",
			layers: [][]entry{
				{dir("."), text("a", "1"), hardlink("b", "a")},
				{text("a", "2")},
			},
			want: map[string]File{".": isDir(0), "a": isText("2"), "b": isText("1")},
		},
		{
			name: "hardlink-to-others",
			layers: [][]entry{
				{
					dir("."), symlink("s", "nowhere"), hardlink("s2", "s"),
					device(tar.TypeChar, "c", 1, 3), hardlink("c2", "c"), fifo("p"), hardlink("p2", "p"),
				},
			},
			want: map[string]File{
				".": isDir(0), "s": isLink("nowhere").withNlink(2), "s2": isLink("nowhere").withNlink(2),
				"c": isDevice('c', 1, 3).withNlink(2), "c2": isDevice('c', 1, 3).withNlink(2),
				"p": isDevice('p', 0, 0).withNlink(2), "p2": isDevice('p', 0, 0).withNlink(2),
			},
		},
		{
			name: "hardlink-to-itself",
			layers: [][]entry{
				{dir("."), text("a", "1"), hardlink("a", "a")},
			},
			want: map[string]File{".": isDir(0), "a": isText("1")},
		},
		{
			name: "symlinks",
			layers: [][]entry{
				{
					dir("."), symlink("dangling", "no/such"), symlink("absolute", "/etc/passwd"),
					symlink("itself", "itself"), symlink("up", "../../../../.."), symlink("long", longTarget),
				},
			},
			want: map[string]File{
				".": isDir(0), "dangling": isLink("no/such"), "absolute": isLink("/etc/passwd"),
				"itself": isLink("itself"), "up": isLink("../../../../.."), "long": isLink(longTarget),
			},
		},
		{
			name: "parent-is-symlink",
			layers: [][]entry{
				{dir("."), dir("usr"), dir("usr/lib"), symlink("lib", "usr/lib"), symlink("abs", "/parent-is-symlink/usr")},
				{text("lib/relative", "1"), text("abs/lib/absolute", "2"), hardlink("lib/linked", "lib/relative")},
			},
			want: map[string]File{
				".": isDir(1), "usr": isDir(1), "usr/lib": isDir(0), "lib": isLink("usr/lib"), "abs": isLink("/parent-is-symlink/usr"),
				"usr/lib/relative": isText("1").withNlink(2), "usr/lib/linked": isText("1").withNlink(2), "usr/lib/absolute": isText("2"),
			},
		},
		{
			name: "parent-leads-outside",
			layers: [][]entry{
				{dir("."), dir("in"), symlink("out", "../../../../parent-leads-outside/in")},
				{text("out/file", "1")},
			},
			want: map[string]File{
				".": isDir(1), "in": isDir(0), "in/file": isText("1"), "out": isLink("../../../../parent-leads-outside/in"),
			},
		},
		{
			name: "parent-dangles",
			layers: [][]entry{
				{dir("."), symlink("link", "made/on/the/way")},
				{text("link/file", "1")},
			},
			want: map[string]File{
				".": isDir(1), "link": isLink("made/on/the/way"), "made": isImplied(1), "made/on": isImplied(1),
				"made/on/the": isImplied(1), "made/on/the/way": isImplied(0), "made/on/the/way/file": isText("1"),
			},
		},
	}
}
