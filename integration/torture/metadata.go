package torture

import (
	"archive/tar"
	"strings"
	"time"
)

// metadata: modes, owners, times, devices and extended attributes.
func metadata() []scenario {
	// VFS_CAP_REVISION_2 with cap_net_raw, effective (linux/capability.h).
	capability := "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	large := strings.Repeat("0123456789abcdef", 4<<10) // 64 KiB, the most that Linux allows
	return []scenario{
		{
			name: "modes",
			layers: [][]entry{{
				dir("."), text("setuid", "1").mode(0o4755), text("setgid", "1").mode(0o2755), dir("sticky").mode(0o1777),
				text("nothing", "1").mode(0), text("all", "1").mode(0o7777),
			}},
			want: map[string]File{
				".": isDir(1), "setuid": isText("1").withMode(0o4755), "setgid": isText("1").withMode(0o2755),
				"sticky": isDir(0).withMode(0o1777), "nothing": isText("1").withMode(0), "all": isText("1").withMode(0o7777),
			},
		},
		{
			name: "owners",
			layers: [][]entry{{
				dir("."), text("small", "1").owner(1000, 100), text("beyond-16-bits", "1").owner(65536, 100000),
				text("beyond-octal", "1").owner(2097152, 2097153), text("highest", "1").owner(4294967294, 4294967294),
				text("gnu-binary", "1").owner(2097154, 3000000).format(tar.FormatGNU),
			}},
			want: map[string]File{
				".": isDir(0), "small": isText("1").withOwner(1000, 100), "beyond-16-bits": isText("1").withOwner(65536, 100000),
				"beyond-octal": isText("1").withOwner(2097152, 2097153), "highest": isText("1").withOwner(4294967294, 4294967294),
				"gnu-binary": isText("1").withOwner(2097154, 3000000),
			},
		},
		{
			name: "times",
			layers: [][]entry{{
				dir("."), text("epoch", "1").time(time.Unix(0, 0)), text("before-1970", "1").time(time.Unix(-5, 0)),
				text("after-2038", "1").time(time.Unix(1<<31, 0)), text("after-2106", "1").time(time.Unix(1<<33, 0)),
				text("fraction", "1").time(time.Unix(1000, 999_999_999)),
			}},
			want: map[string]File{
				".": isDir(0), "epoch": isText("1").withTime(0), "before-1970": isText("1").withTime(0),
				"after-2038": isText("1").withTime(1 << 31), "after-2106": isText("1").withTime(1<<32 - 1),
				"fraction": isText("1").withTime(1000),
			},
		},
		{
			name: "devices",
			layers: [][]entry{{
				dir("."), device(tar.TypeChar, "null", 1, 3), device(tar.TypeBlock, "sda", 8, 0),
				device(tar.TypeBlock, "nvme", 259, 300), device(tar.TypeChar, "most", 4095, 1<<20-1), fifo("fifo"),
			}},
			want: map[string]File{
				".": isDir(0), "null": isDevice('c', 1, 3), "sda": isDevice('b', 8, 0), "nvme": isDevice('b', 259, 300),
				"most": isDevice('c', 4095, 1<<20-1), "fifo": isDevice('p', 0, 0),
			},
		},
		{
			name: "xattrs",
			layers: [][]entry{{
				dir(".").xattrs(map[string]string{"user.on-directory": "yes"}),
				text("capable", "1").xattrs(map[string]string{"security.capability": capability}),
				text("several", "1").xattrs(map[string]string{"user.a": "1", "user.b": "", "trusted.c": "\x00\xff=\n"}),
				text("same-set", "2").xattrs(map[string]string{"user.a": "1", "user.b": "", "trusted.c": "\x00\xff=\n"}),
				text("large", "1").xattrs(map[string]string{"user.large": large}),
				text("large-again", "1").xattrs(map[string]string{"user.large": large, "user.other": "1"}),
				symlink("link", "capable").xattrs(map[string]string{"trusted.on-link": "1"}),
				device(tar.TypeChar, "null", 1, 3).xattrs(map[string]string{"trusted.on-device": "1"}),
				fifo("fifo").xattrs(map[string]string{"trusted.on-fifo": "1"}),
				text("acl", "1").xattrs(map[string]string{"system.posix_acl_access": "\x02\x00\x00\x00"}),
			}},
			want: map[string]File{
				".":           isDir(0).withXattrs(map[string]string{"user.on-directory": "yes"}),
				"capable":     isText("1").withXattrs(map[string]string{"security.capability": capability}),
				"several":     isText("1").withXattrs(map[string]string{"user.a": "1", "user.b": "", "trusted.c": "\x00\xff=\n"}),
				"same-set":    isText("2").withXattrs(map[string]string{"user.a": "1", "user.b": "", "trusted.c": "\x00\xff=\n"}),
				"large":       isText("1").withXattrs(map[string]string{"user.large": large}),
				"large-again": isText("1").withXattrs(map[string]string{"user.large": large, "user.other": "1"}),
				"link":        isLink("capable").withXattrs(map[string]string{"trusted.on-link": "1"}),
				"null":        isDevice('c', 1, 3).withXattrs(map[string]string{"trusted.on-device": "1"}),
				"fifo":        isDevice('p', 0, 0).withXattrs(map[string]string{"trusted.on-fifo": "1"}),
				"acl":         isText("1"),
			},
		},
	}
}
