package mysql

import (
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// The two products. A server says itself which one it is.
const (
	productMySQL   = "mysql"
	productMariaDB = "mariadb"
)

// Keys of Identity.Extra that plans stand on.
const (
	extraProduct  = "product"
	extraGTID     = "gtid" // "1": transactions carry ids, on whose order a link may stand
	extraServerID = "server_id"
)

// dialect is the words of one server.
type dialect struct {
	maria bool
	v     version
}

// version is what a server calls itself, in three numbers.
type version [3]int

func (v version) String() string {
	return strconv.Itoa(v[0]) + "." + strconv.Itoa(v[1]) + "." + strconv.Itoa(v[2])
}

// least reports whether the version is this one or a later one.
func (v version) least(a, b, c int) bool {
	for i, w := range [3]int{a, b, c} {
		if v[i] != w {
			return v[i] > w
		}
	}
	return true
}

// dialectOf reads the answer of SELECT VERSION(): "9.7.4", "8.0.36-28",
// "10.11.19-MariaDB-0+deb12u1-log", and of old proxies "5.5.5-10.11.2-MariaDB".
func dialectOf(s string) (dialect, bool) {
	d := dialect{maria: strings.Contains(strings.ToLower(s), "mariadb")}
	if d.maria {
		s = strings.TrimPrefix(s, "5.5.5-")
	}
	s, _, _ = strings.Cut(s, "-")
	parts := strings.Split(s, ".")
	if len(parts) < 2 {
		return d, false
	}
	for i := range min(len(parts), len(d.v)) {
		n, err := strconv.Atoi(parts[i])
		if err != nil {
			return d, false
		}
		d.v[i] = n
	}
	return d, true
}

// known is the dialect of a server that was asked before.
func known(id engines.Identity) (dialect, bool) {
	d, ok := dialectOf(id.Version)
	d.maria = id.Extra[extraProduct] == productMariaDB
	return d, ok && id.Extra[extraProduct] != ""
}

func (d dialect) product() string {
	if d.maria {
		return productMariaDB
	}
	return productMySQL
}

// title is the product's name for people.
func (d dialect) title() string {
	if d.maria {
		return "MariaDB"
	}
	return "MySQL"
}

// pick returns the word of MySQL or that of MariaDB.
func (d dialect) pick(mysql, maria string) string {
	if d.maria {
		return maria
	}
	return mysql
}

func (d dialect) changeSource() string {
	return d.pick("CHANGE REPLICATION SOURCE TO", "CHANGE MASTER TO")
}
func (d dialect) source() string { return d.pick("SOURCE", "MASTER") } // prefix of the options
func (d dialect) start() string  { return d.pick("START REPLICA", "START SLAVE") }
func (d dialect) stop() string   { return d.pick("STOP REPLICA", "STOP SLAVE") }
func (d dialect) forget() string { return d.pick("RESET REPLICA ALL", "RESET SLAVE ALL") }
func (d dialect) status() string { return d.pick("SHOW REPLICA STATUS", "SHOW SLAVE STATUS") }

// Columns of the status, by name: their places differ.
func (d dialect) threads() []string {
	return []string{d.pick("Replica_IO_Running", "Slave_IO_Running"), d.pick("Replica_SQL_Running", "Slave_SQL_Running")}
}

// ownPosition is where a server's own log stands: file and position in the
// first two columns.
func (d dialect) ownPosition() string {
	if !d.maria && d.v.least(8, 2, 0) {
		return "SHOW BINARY LOG STATUS"
	}
	return "SHOW MASTER STATUS"
}

// emptyLogs forgets a server's own log and what it says to have applied.
func (d dialect) emptyLogs() string {
	if !d.maria && d.v.least(8, 2, 0) {
		return "RESET BINARY LOGS AND GTIDS"
	}
	return "RESET MASTER"
}

func (d dialect) waitPosition() string {
	if !d.maria && d.v.least(8, 0, 26) {
		return "SOURCE_POS_WAIT"
	}
	return "MASTER_POS_WAIT"
}

// variable is the name of a setting of the applier, which MySQL renamed.
func (d dialect) variable(name string) string {
	if !d.maria && d.v.least(8, 0, 26) {
		return "replica_" + name
	}
	return "slave_" + name
}

// keep sets a variable so that a restart keeps it, where the product can.
func (d dialect) keep() string { return d.pick("SET PERSIST", "SET GLOBAL") }

// keptNames ends the comment under a SHOW statement that says which columns of
// its answer count. It is part of the plan, and the server reads it as a comment.
const keptNames = "\n-- of the answer: "

// kept makes a SHOW statement answer with some columns, by name. Without a row
// the answer is the one word "none".
func kept(show string, columns ...string) string {
	return show + keptNames + strings.Join(columns, ", ")
}

// keptOf takes the columns off a text again.
func keptOf(text string) []string {
	_, names, ok := strings.Cut(text, keptNames)
	if !ok {
		return nil
	}
	return strings.Split(names, ", ")
}
