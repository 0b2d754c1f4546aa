package bundle

import (
	"bytes"
	"embed"
	"fmt"
	htmltemplate "html/template"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"
	"unicode"

	"github.com/jrun-hpc/jrun/printable"
	"github.com/jrun-hpc/jrun/shellword"
)

//go:embed readme.html readme.txt
var readmes embed.FS

// mostShown bounds the runs of an image that the index for people lists.
const mostShown = 5

// page is what the templates see.
type page struct {
	Bundle
	TotalBytes int64 // of the images, blobs that they share counted for each
	Example    Image // the first that can be run; without a repository if there is none
}

// view is an image with its runs.
type view struct {
	Image
	Runs []Record // the latest, at most mostShown
}

// readme is the index for people, as a page and as text.
func readme(b Bundle) (html, text []byte, err error) {
	p := page{Bundle: b}
	for _, image := range b.Images {
		p.TotalBytes += image.SizeBytes
		// Every program can run OCI's own format.
		better := p.Example.Repository == "" || p.Example.MediaType == dockerManifest && strings.HasPrefix(image.MediaType, "application/vnd.oci.")
		if better && len(image.Platforms) > 0 {
			p.Example = image
		}
	}
	functions := map[string]any{
		"line": printable.Line, "size": sizeText, "day": day, "shell": shellword.Show, "wide": wide,
		"views":     func() []view { return views(b) },
		"command":   commandText,
		"recipeURL": recipeURL,
		"docker":    func(mediaType string) bool { return mediaType == dockerManifest || mediaType == dockerList },
	}
	var htmlOut, textOut bytes.Buffer
	page, err := htmltemplate.New("readme.html").Funcs(functions).ParseFS(readmes, "readme.html")
	if err == nil {
		err = page.Execute(&htmlOut, p)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("writing README.html: %w", err)
	}
	plain, err := template.New("readme.txt").Funcs(functions).ParseFS(readmes, "readme.txt")
	if err == nil {
		err = plain.Execute(&textOut, p)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("writing README.txt: %w", err)
	}
	return htmlOut.Bytes(), textOut.Bytes(), nil
}

// views puts images and what they were used for together.
func views(b Bundle) []view {
	all := make([]view, 0, len(b.Images))
	for _, image := range b.Images {
		v := view{Image: image}
		for _, r := range slices.Backward(b.Records) { // by time, since the files' names begin with it
			if r.Image == image.Digest && len(v.Runs) < mostShown {
				v.Runs = append(v.Runs, r)
			}
		}
		all = append(all, v)
	}
	return all
}

// recipeURL is a path as a relative address.
func recipeURL(dir, file string) string {
	var b strings.Builder
	for _, c := range []byte(dir + "/" + file) {
		if c < 128 && (unicode.IsLetter(rune(c)) || unicode.IsDigit(rune(c)) || strings.ContainsRune("/._-@", rune(c))) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format("2006-01-02")
}

// sizeText is a number of bytes as people write it, in powers of 1000.
func sizeText(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB", "PB"}
	f, i := float64(n), 0
	for f >= 999.5 && i < len(units)-1 {
		f, i = f/1000, i+1
	}
	if i == 0 || f >= 99.5 {
		return fmt.Sprintf("%.0f %s", f, units[i])
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + " " + units[i]
}

// mostWords bounds a command in the index, in characters.
const mostWords = 200

func commandText(words []string) string {
	return printable.CutRunes(shellword.ShowLine(words), mostWords)
}

// wide underlines a title in text.
func wide(title string) string {
	n := 0
	for _, r := range title {
		n++
		if r >= 0x1100 { // Japanese takes two columns
			n++
		}
	}
	return title + "\n" + strings.Repeat("=", n)
}
