package bundle

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const recipesDir = dataDir + "/recipes"

// Bounds of a recipe, which anybody may have written.
const (
	mostRecipeFiles = 1000
	mostRecipeBytes = 64 << 20
	mostPathBytes   = 1000
	mostPartBytes   = 200 // of a name within a path; file systems have 255
)

// recipe writes how an image was made, if its labels say so. A recipe that cannot be
// read is no reason to give nobody their images: it is noted.
func (m *maker) recipe(image *Image, labels map[string]string) error {
	image.Recipe, image.RecipeError = "", ""
	if m.r.Recipe == nil || len(labels) == 0 {
		return nil
	}
	files, ok, err := m.r.Recipe(labels)
	if err == nil && ok {
		files, err = placed(files)
	}
	if err != nil {
		image.RecipeError = short(err.Error())
		return nil
	}
	if !ok || len(files) == 0 {
		return nil
	}
	dir := path.Join(recipesDir, recipeName(*image))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := m.write(path.Join(dir, name), files[name]); err != nil {
			return err
		}
	}
	image.Recipe = strings.TrimPrefix(dir, dataDir+"/")
	return nil
}

// recipeName is a directory of its own for each image: no repository has a @ in its
// name, and no tag has.
func recipeName(image Image) string {
	if len(image.Tags) > 0 {
		return image.Repository + "@" + image.Tags[0]
	}
	return image.Repository + "@@" + image.Digest.Encoded()
}

// placed gives files names that every file system and sha256sum can have, and that do
// not lead anywhere else.
func placed(files map[string][]byte) (map[string][]byte, error) {
	out := map[string][]byte{}
	var sum int
	for name, content := range files {
		clean := strings.TrimPrefix(path.Clean("/"+name), "/")
		parts := strings.Split(clean, "/")
		for i, part := range parts {
			parts[i] = quoted(part)
			if len(parts[i]) > mostPartBytes {
				return nil, fmt.Errorf("it has a file with a name of %d bytes", len(part))
			}
		}
		safe := strings.Join(parts, "/")
		sum += len(content)
		_, twice := out[safe]
		if clean == "" || twice || len(safe) > mostPathBytes {
			return nil, fmt.Errorf("it has a file that is called %q", short(name))
		}
		out[safe] = content
	}
	if len(out) > mostRecipeFiles || sum > mostRecipeBytes {
		return nil, fmt.Errorf("it has %d files with %d bytes", len(out), sum)
	}
	for name := range out {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, file := out[dir]; file {
				return nil, fmt.Errorf("%q is a file and a directory in it", dir)
			}
		}
	}
	return out, nil
}

// quoted writes whatever is not a letter, a digit or a harmless sign as =XX.
func quoted(part string) string {
	var b strings.Builder
	for i := 0; i < len(part); {
		r, width := utf8.DecodeRuneInString(part[i:])
		letter := r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
		if letter || strings.ContainsRune("._+-@~,", r) || r == ' ' && i > 0 {
			b.WriteRune(r)
		} else {
			b.WriteString(quotedBytes(part[i : i+width]))
		}
		i += width
	}
	out := b.String()
	if strings.HasSuffix(out, partSuffix) {
		out += "=" // it would be taken for one that is being written
	}
	return out
}

func quotedBytes(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, "=%02X", c)
	}
	return b.String()
}
