package inventory

import (
	"context"
	"database/sql"
	"io"
	"os"
	"path/filepath"
	"time"

	_ "github.com/mattn/go-sqlite3" // the driver; go.podman.io/storage links it too
)

// rpmDatabases are where rpm keeps its database: since Fedora 36 in the first place.
var rpmDatabases = []string{"/usr/lib/sysimage/rpm/rpmdb.sqlite", "/var/lib/rpm/rpmdb.sqlite"}

// rpm reads the headers in rpm's database. SQLite gets a copy of it: it opens files by
// name, and a database that was in use has a second file with what was written last.
func (r *reader) rpm() {
	for _, name := range rpmDatabases {
		dir, err := os.MkdirTemp("", "jbuild-rpm-")
		if err != nil {
			return
		}
		file := filepath.Join(dir, "rpmdb.sqlite")
		found := r.copyTo(file, name)
		if found {
			r.copyTo(file+"-wal", name+"-wal")
			r.headers(file, filepath.Dir(name))
		}
		_ = os.RemoveAll(dir)
		if found {
			return
		}
	}
}

// mostRPM bounds a database in bytes; that of a large workstation has 200 MB.
const mostRPM = 1 << 30

func (r *reader) copyTo(to, name string) bool {
	from, err := r.open(name)
	if err != nil {
		return false
	}
	defer from.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false
	}
	_, err = io.Copy(out, io.LimitReader(from, mostRPM))
	return out.Close() == nil && err == nil
}

// headers asks SQLite for all rows of the table of packages. A database may define a
// view of that name which computes for ever: there is an end to the time.
func (r *reader) headers(file, place string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db, err := sql.Open("sqlite3", "file:"+file+"?_query_only=1&_trusted_schema=0")
	if err != nil {
		return
	}
	defer func() { _ = db.Close() }() // it was only read
	rows, err := db.QueryContext(ctx, "SELECT blob FROM Packages WHERE length(blob) <= ? LIMIT ?", mostHeader, mostTaken)
	if err != nil {
		return
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var blob sql.RawBytes
		if rows.Scan(&blob) != nil {
			return
		}
		if name, version, ok := parseHeader(blob); ok && name != "gpg-pubkey" {
			r.add(RPM, name, version, place)
		}
	}
	_ = rows.Err() // what was read is what there is
}
