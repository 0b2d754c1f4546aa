package terminal

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTable(t *testing.T) {
	got := Table([][]string{
		{"名前", "変更量", "アップロード先"},
		{"cfd", "92.3 MB"},
		{"longer-name", "0 B", "lab/cfd:1"},
		{"日本語", "\x1b[31m", "x"},
	})
	want := "名前         変更量   アップロード先\n" +
		"cfd          92.3 MB\n" +
		"longer-name  0 B      lab/cfd:1\n" +
		"日本語       \uFFFD[31m    x\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Table (-want +got):\n%s", diff)
	}
}

func TestWrapLinesFit(t *testing.T) {
	text := "RUN --mount=type=secret 用のファイルや環境変数を指定します（複数指定できます）。 and words between"
	for columns := 10; columns < 60; columns++ {
		for _, l := range Wrap(text, columns) {
			if Width(l) > columns && columns > len("--mount=type=secret") {
				t.Errorf("in %d columns: %q takes %d", columns, l, Width(l))
			}
		}
	}
}
