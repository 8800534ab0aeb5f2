package lab

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/turquoise-db/turquoise/engines"
)

// The flavours of a MySQL pair.
const (
	FlavorMySQL   = "mysql"   // Oracle's, 9.7 when no version is asked for
	FlavorMariaDB = "mariadb" // 10.11 when no version is asked for
)

// mysqlKind says what a flavour is called, where it comes from and how its
// programs are named.
type mysqlKind struct {
	title, variable      string
	usual                int            // major version that is meant when none is named
	suites               map[int]string // Debian suite that carries a major version
	packages             []string
	server, dump, client string // programs below usr
}

func kindOf(flavor string) (mysqlKind, error) {
	switch flavor {
	case FlavorMySQL:
		return mysqlKind{title: "MySQL", variable: "TURQUOISE_LAB_MYSQL", usual: 9,
			suites: map[int]string{9: "sid"}, packages: []string{"mysql-server-core", "mysql-client-core"},
			server: "sbin/mysqld", dump: "bin/mysqldump", client: "bin/mysql"}, nil
	case FlavorMariaDB:
		return mysqlKind{title: "MariaDB", variable: "TURQUOISE_LAB_MARIADB", usual: 10,
			suites: map[int]string{10: "bookworm", 11: "trixie"}, packages: []string{"mariadb-server-core", "mariadb-client"},
			server: "sbin/mariadbd", dump: "bin/mariadb-dump", client: "bin/mariadb"}, nil
	}
	return mysqlKind{}, &engines.Error{Op: "choose a server", Object: flavor, Err: fmt.Errorf("no such flavour"), Next: "give mysql or mariadb"}
}

// whole reports whether root/usr holds all programs, and the server is of the
// kind, since Debian's mysqld may be a MariaDB, and of the major version; 0 is any.
func (k mysqlKind) whole(ctx context.Context, root string, major int) bool {
	if !holds(filepath.Join(root, "usr"), k.server, k.dump, k.client) {
		return false
	}
	out, err := exec.CommandContext(ctx, filepath.Join(root, "usr", k.server), "--no-defaults", "--version").Output()
	v := serverVersion.FindSubmatch(out)
	return err == nil && v != nil && bytes.Contains(out, []byte("MariaDB")) == (k.title == "MariaDB") &&
		(major == 0 || number(string(v[1]), 0) == major)
}

// MySQL returns the root folder of a flavour: its programs lie in usr/sbin and
// usr/bin, its messages in usr/share/mysql. A major version of 0 takes the
// installed servers, whatever their version, or else the usual one.
func (s Servers) MySQL(ctx context.Context, flavor string, major int) (string, error) {
	k, err := kindOf(flavor)
	if err != nil {
		return "", err
	}
	name, of, root := k.title, "", filepath.Join(s.Cache, flavor)
	if major != 0 {
		digits := strconv.Itoa(major)
		name, k.variable, of = k.title+" "+digits, k.variable+digits, " of that major version"
		if major != k.usual {
			root += digits
		}
	}
	if dir := s.getenv(k.variable); dir != "" {
		if k.whole(ctx, dir, major) {
			return dir, nil
		}
		return "", &engines.Error{Op: "find " + name, Object: dir, Err: ErrAbsent,
			Next: "point " + k.variable + " at a folder with usr/" + k.server + " and usr/" + k.dump + of + ", or unset it"}
	}
	if k.whole(ctx, "/", major) {
		return "/", nil
	}
	if major == 0 {
		major = k.usual
	}
	if err := s.fetch(ctx, name, k.variable, k.suites[major], root, k.packages...); err != nil {
		return "", err
	}
	return root, nil
}
