package torture

import (
	"archive/tar"
	"fmt"
	"strings"
)

// names: long ones, odd ones, and very many of them.
func names() []scenario {
	const trailing = "white space "
	name255 := strings.Repeat("n", 255)
	deep := strings.Repeat("directory-of-a-long-path/", 20)
	long := scenario{
		name: "long-names",
		layers: [][]entry{{
			dir("."), text(name255, "1"), text("gnu-"+name255[4:], "2").format(tar.FormatGNU),
			text(deep+"pax", "3"), text(deep+"gnu", "4").format(tar.FormatGNU),
			hardlink("hard-"+name255[5:], deep+"pax").format(tar.FormatGNU),
		}},
		want: map[string]File{
			".": isDir(1), name255: isText("1"), "gnu-" + name255[4:]: isText("2"),
			deep + "pax": isText("3").withNlink(2), deep + "gnu": isText("4"), "hard-" + name255[5:]: isText("3").withNlink(2),
		},
	}
	for at := strings.IndexByte(deep, '/'); at >= 0; {
		next := strings.IndexByte(deep[at+1:], '/')
		subdirs := 1
		if next < 0 {
			subdirs = 0
		}
		long.want[deep[:at]] = isImplied(subdirs)
		if next < 0 {
			break
		}
		at += 1 + next
	}

	many := scenario{name: "many-names", layers: [][]entry{{dir(".")}}, want: map[string]File{".": isDir(1250)}}
	for i := range 5000 {
		name := fmt.Sprintf("entry-%05d-%s", i*7919%5000, strings.Repeat("x", i%40))
		if i%4 == 0 {
			many.layers[0] = append(many.layers[0], dir(name))
			many.want[name] = isDir(0)
			continue
		}
		content := fmt.Sprintf("%d", i)
		many.layers[0] = append(many.layers[0], text(name, content))
		many.want[name] = isText(content)
	}
	return []scenario{
		long,
		many,
		{
			name: "odd-names",
			layers: [][]entry{{
				dir("."), text("日本語のファイル", "1"), text(trailing, "2"), text("new\nline", "3"), text("-rf", "4"),
				text("back\\slash", "5"), text("not-utf8-\xff\xfe", "6").format(tar.FormatGNU), text("...", "7"), text(".wh", "8"),
				text("\"'$`*?", "9"),
			}},
			want: map[string]File{
				".": isDir(0), "日本語のファイル": isText("1"), trailing: isText("2"), "new\nline": isText("3"), "-rf": isText("4"),
				"back\\slash": isText("5"), "not-utf8-\xff\xfe": isText("6"), "...": isText("7"), ".wh": isText("8"),
				"\"'$`*?": isText("9"),
			},
		},
		{
			name: "spelling-of-names",
			layers: [][]entry{
				{
					{Header: tar.Header{Typeflag: tar.TypeDir, Name: "./spelling-of-names/", Mode: 0o755, ModTime: moment}, asIs: true},
					{Header: tar.Header{Typeflag: tar.TypeReg, Name: "./spelling-of-names/dotted", Mode: 0o644, ModTime: moment}, asIs: true},
					{Header: tar.Header{Typeflag: tar.TypeReg, Name: "spelling-of-names//doubled", Mode: 0o644, ModTime: moment}, asIs: true},
					{Header: tar.Header{Typeflag: tar.TypeReg, Name: "spelling-of-names/./inside", Mode: 0o644, ModTime: moment}, asIs: true},
				},
				{{Header: tar.Header{Typeflag: tar.TypeReg, Name: "./spelling-of-names/.wh.dotted", Mode: 0o644, ModTime: moment}, asIs: true}},
			},
			want: map[string]File{".": isDir(0), "doubled": isText(""), "inside": isText("")},
		},
	}
}
