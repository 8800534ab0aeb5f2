package mysql

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/preflight"
)

// accountChecks ask who will be let in, and may do what he did.
func accountChecks() []check {
	return []check{
		{ID: "MY16/grants", Title: "Applications may do on {here} what they may on {there}", On: preflight.To, Needs: needPeer | needAccounts, Waive: engines.SecondPerson, Want: "no right missing",
			Cause: "A right that is missing is an error of the first statement after the switch.", Next: "GRANT it on {here}", Ask: fewerRights},
		{ID: "MY16/functions", Title: "Loaded functions and components are there", On: preflight.To, Needs: needPeer | needAccounts, Waive: engines.SecondPerson, Want: "all of {there}",
			Cause: "A view or statement that calls one fails where it is not loaded; replication does not carry them.", Next: "install it on {here}", Ask: sameFunctions},
		{ID: "MY22", Title: "The replication's account is in order", Needs: needAccounts, Waive: engines.SecondPerson, Want: "REPLICATION SLAVE and no more, not locked, no password that ends soon",
			Cause: "A link whose login fails stands still and says so in its status alone.", Ask: replAccount},
		{ID: "MY28", Title: "Applications can log in", On: preflight.To, Needs: needPeer | needAccounts, Waive: engines.SecondPerson, Want: "every account of theirs as on {there}, not locked",
			Cause: "A client that is refused after the switch is outage that no position shows.", Ask: mayLogIn},
		{ID: "MY28/room", Title: "Room for the clients", On: preflight.To, Needs: needPeer, Waive: engines.SecondPerson, Want: "max_connections 1.2 times what {there} had at most",
			Cause: "Clients that were served before are refused after the switch.", Next: "raise max_connections on {here} and keep it in its option file", Ask: roomForClients},
	}
}

// login is one account as the server keeps it. verifier is compared and never
// told.
type login struct {
	user, host, plugin, verifier string
	locked, expired              bool
	tls                          string
	changed                      time.Time // of the password; zero if it is not known
	days                         int       // the password's life, 0 is for ever
}

func (l login) String() string { return l.user + "@" + l.host }

const loginSQL = `SELECT u.user, u.host, u.plugin, COALESCE(u.authentication_string, ''), u.account_locked, u.password_expired, COALESCE(u.ssl_type, ''),
 COALESCE(UNIX_TIMESTAMP(u.password_last_changed), 0), COALESCE(u.password_lifetime, @@global.default_password_lifetime) FROM mysql.user u WHERE u.user IN (%WHO%) ORDER BY 1, 2`

const loginMaria = `SELECT u.user, u.host, u.plugin, COALESCE(u.authentication_string, ''), IF(JSON_VALUE(g.priv, '$.account_locked'), 'Y', 'N'), u.password_expired, COALESCE(u.ssl_type, ''),
 COALESCE(JSON_VALUE(g.priv, '$.password_last_changed'), 0), COALESCE(NULLIF(JSON_VALUE(g.priv, '$.password_lifetime'), -1), @@global.default_password_lifetime)
 FROM mysql.user u JOIN mysql.global_priv g ON g.user = u.user AND g.host = u.host WHERE u.is_role <> 'Y' AND u.user IN (%WHO%) ORDER BY 1, 2`

// logins are the accounts of some users, one for each host they come from.
func (e *eye) logins(ctx context.Context, users []string) ([]login, error) {
	rows, err := e.rows(ctx, replace(e.l.d.pick(loginSQL, loginMaria), "%WHO%", list(users)))
	if err != nil {
		return nil, err
	}
	var out []login
	for _, r := range rows {
		at, err := strconv.ParseFloat(text(r, 7), 64)
		days, err2 := strconv.Atoi(text(r, 8))
		if err != nil || err2 != nil {
			return nil, e.fail(errNumber)
		}
		l := login{user: text(r, 0), host: text(r, 1), plugin: text(r, 2), verifier: text(r, 3), locked: text(r, 4) == "Y", expired: text(r, 5) == "Y",
			tls: text(r, 6), days: max(0, days)}
		if at > 0 {
			l.changed = time.Unix(int64(at), 0)
		}
		out = append(out, l)
	}
	return out, nil
}

// ends is when the password ends; ok is false if it does not.
func (l login) ends() (at time.Time, ok bool) {
	if l.days == 0 || l.changed.IsZero() {
		return time.Time{}, false
	}
	return l.changed.AddDate(0, 0, l.days), true
}

// soonEnds is how early a password that ends is told.
const soonEnds = 7 * 24 * time.Hour

func replAccount(ctx context.Context, k *look) (answer, error) {
	ls, err := k.me.logins(ctx, []string{k.p.repl})
	if err != nil {
		return answer{}, err
	}
	if len(ls) == 0 {
		return answer{Level: engines.Info, Is: k.p.repl + " is not there yet: a step makes it"}, nil
	}
	needed := []string{"REPLICATION SLAVE", "REPLICATION CLIENT", "SLAVE MONITOR", "BINLOG MONITOR"}
	for _, l := range ls {
		who := account(l.user, l.host)
		if l.locked {
			return preflight.Says(engines.Caution, l.String()+" is locked", "ALTER USER "+who+" ACCOUNT UNLOCK on {here}"), nil
		}
		at, ends := l.ends()
		if l.expired || ends && time.Until(at) < soonEnds {
			is := l.String() + "'s password has expired"
			if !l.expired {
				is = l.String() + "'s password ends on " + at.UTC().Format("2006-01-02")
			}
			return preflight.Says(engines.Caution, is, "ALTER USER "+who+" PASSWORD EXPIRE NEVER on {here}"), nil
		}
		g, err := k.me.grantsOf(ctx, who)
		if err != nil {
			return answer{}, err
		}
		var more []string
		for scope, rights := range g.given {
			for _, r := range rights {
				if scope != "*.*" || !slices.Contains(needed, r) {
					more = append(more, strings.ToLower(r)+" on "+scope)
				}
			}
		}
		if slices.Sort(more); len(more) > 0 {
			return preflight.Says(engines.Caution, l.String()+" may more than replicate, "+preflight.Few(more), "REVOKE it from "+who+" on {here}"), nil
		}
		if !g.global("REPLICATION SLAVE") {
			return preflight.Says(engines.Caution, l.String()+" may not replicate", "GRANT REPLICATION SLAVE ON *.* TO "+who+" on {here}"), nil
		}
	}
	return preflight.Passed(preflight.Few(names(ls)))
}

func names(ls []login) []string {
	out := make([]string, len(ls))
	for i, l := range ls {
		out[i] = l.String()
	}
	return out
}

// mayLogIn can say that a login will fail, not that it will succeed: we do not
// know the applications' passwords.
func mayLogIn(ctx context.Context, k *look) (answer, error) {
	theirs, err := k.peer.logins(ctx, k.p.app)
	if err != nil {
		return answer{}, err
	}
	mine, err := k.me.logins(ctx, k.p.app)
	if err != nil {
		return answer{}, err
	}
	for _, a := range k.p.app {
		if !slices.ContainsFunc(theirs, func(l login) bool { return l.user == a }) {
			return preflight.Says(engines.Block, a+" does not exist on {there}", "correct parameter app_users"), nil
		}
	}
	var bad []string
	for _, t := range theirs {
		i := slices.IndexFunc(mine, func(m login) bool { return m.String() == t.String() })
		if i < 0 {
			bad = append(bad, t.String()+" does not exist")
			continue
		}
		if why := mine[i].unlike(t); why != "" {
			bad = append(bad, t.String()+" "+why)
		}
	}
	if len(bad) > 0 {
		return preflight.Says(engines.Block, preflight.Few(bad), "make the account on {here} as SHOW CREATE USER prints it on {there}; its output holds the password's verifier, so keep it off the screen"), nil
	}
	return preflight.Passed(preflight.Few(names(theirs)) + "; a login was not tried")
}

// unlike says why a login that works on the other side fails here. The verifiers
// of one password are alike only where they are not salted.
func (l login) unlike(o login) string {
	switch {
	case l.locked && !o.locked:
		return "is locked"
	case l.expired && !o.expired:
		return "has a password that has expired"
	case l.plugin != o.plugin:
		return "logs in by " + l.plugin + ", on {there} by " + o.plugin
	case l.plugin == "mysql_native_password" && l.verifier != o.verifier:
		return "has another password"
	case l.verifier == "" && o.verifier != "":
		return "has no password"
	case l.tls != o.tls && l.tls != "" && o.tls == "":
		return "must come by TLS, on {there} it need not"
	}
	return ""
}

func fewerRights(ctx context.Context, k *look) (answer, error) {
	theirs, err := k.peer.logins(ctx, k.p.app)
	if err != nil {
		return answer{}, err
	}
	mine, err := k.me.logins(ctx, k.p.app)
	if err != nil {
		return answer{}, err
	}
	var bad []string
	seen := 0
	for _, t := range theirs {
		if !slices.ContainsFunc(mine, func(m login) bool { return m.String() == t.String() }) {
			continue // that it cannot log in is told elsewhere
		}
		there, err := k.peer.grantsOf(ctx, account(t.user, t.host))
		if err != nil {
			return answer{}, err
		}
		here, err := k.me.grantsOf(ctx, account(t.user, t.host))
		if err != nil {
			return answer{}, err
		}
		seen++
		for _, l := range there.lacks(here) {
			bad = append(bad, t.String()+" lacks "+l)
		}
	}
	if len(bad) == 0 {
		return preflight.Passed(strconv.Itoa(seen) + " accounts compared")
	}
	return preflight.Found(engines.Block, bad), nil
}

// sameFunctions also lists components of MySQL and plugins that were installed
// by hand on MariaDB.
func sameFunctions(ctx context.Context, k *look) (answer, error) {
	sql := func(e *eye) string {
		return `SELECT CONCAT('function ', name) FROM mysql.func UNION ALL ` +
			e.l.d.pick("SELECT component_urn FROM mysql.component", "SELECT CONCAT('plugin ', name) FROM mysql.plugin") + ` ORDER BY 1`
	}
	want, err := k.peer.names(ctx, sql(k.peer))
	if err != nil {
		return answer{}, err
	}
	have, err := k.me.names(ctx, sql(k.me))
	if err != nil {
		return answer{}, err
	}
	return preflight.Found(engines.Caution, slices.DeleteFunc(want, func(n string) bool { return slices.Contains(have, n) })), nil
}

// spareConnections is a margin over the most that were ever open at once.
const spareConnections = 1.2

func roomForClients(ctx context.Context, k *look) (answer, error) {
	row, err := k.peer.row(ctx, "SHOW GLOBAL STATUS LIKE 'Max_used_connections'")
	if err != nil {
		return answer{}, err
	}
	used, err := strconv.ParseFloat(text(row, 1), 64)
	limit, err2 := strconv.ParseFloat(k.me.variable("max_connections"), 64)
	if err != nil || err2 != nil {
		return answer{}, k.me.fail(errNumber)
	}
	is := fmt.Sprintf("max_connections %.0f, {there} had %.0f at most", limit, used)
	if limit < used*spareConnections {
		return answer{Level: engines.Caution, Is: is}, nil
	}
	return preflight.Passed(is)
}
