package lab

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// The flavours of a MySQL pair.
const (
	FlavorMySQL   = "mysql"   // Oracle's, 9.7
	FlavorMariaDB = "mariadb" // 10.11
)

// mysqlKind says what a flavour is called, where it comes from and how its
// programs are named.
type mysqlKind struct {
	title, variable, suite string
	packages               []string
	server, dump, client   string // programs below usr
}

func kindOf(flavor string) (mysqlKind, error) {
	switch flavor {
	case FlavorMySQL:
		return mysqlKind{title: "MySQL", variable: "TURQUOISE_LAB_MYSQL", suite: "sid", packages: []string{"mysql-server-core", "mysql-client-core"},
			server: "sbin/mysqld", dump: "bin/mysqldump", client: "bin/mysql"}, nil
	case FlavorMariaDB:
		return mysqlKind{title: "MariaDB", variable: "TURQUOISE_LAB_MARIADB", suite: "bookworm", packages: []string{"mariadb-server-core", "mariadb-client"},
			server: "sbin/mariadbd", dump: "bin/mariadb-dump", client: "bin/mariadb"}, nil
	}
	return mysqlKind{}, &engines.Error{Op: "choose a server", Object: flavor, Err: fmt.Errorf("no such flavour"), Next: "give mysql or mariadb"}
}

// whole reports whether root/usr holds all programs, and the server is of the
// kind: Debian's mysqld may be a MariaDB.
func (k mysqlKind) whole(ctx context.Context, root string) bool {
	if !holds(filepath.Join(root, "usr"), k.server, k.dump, k.client) {
		return false
	}
	out, err := exec.CommandContext(ctx, filepath.Join(root, "usr", k.server), "--no-defaults", "--version").Output()
	return err == nil && strings.Contains(string(out), "MariaDB") == (k.title == "MariaDB")
}

// MySQL returns the root folder of a flavour: its programs lie in usr/sbin and
// usr/bin, its messages in usr/share/mysql.
func (s Servers) MySQL(ctx context.Context, flavor string) (string, error) {
	k, err := kindOf(flavor)
	if err != nil {
		return "", err
	}
	if dir := s.getenv(k.variable); dir != "" {
		if k.whole(ctx, dir) {
			return dir, nil
		}
		return "", &engines.Error{Op: "find " + k.title, Object: dir, Err: ErrAbsent,
			Next: "point " + k.variable + " at a folder with usr/" + k.server + " and usr/" + k.dump + ", or unset it"}
	}
	if k.whole(ctx, "/") {
		return "/", nil
	}
	root := filepath.Join(s.Cache, flavor)
	if err := s.fetch(ctx, k.title, k.variable, k.suite, root, k.packages...); err != nil {
		return "", err
	}
	return root, nil
}
