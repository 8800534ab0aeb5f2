package mysql

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/preflight"
)

// What a check of this engine may need.
const (
	needProcess  preflight.Need = 1 << iota // other accounts' sessions: blind without
	needStatus                              // state of the replication: blind without
	needPeer                                // the other side: blind without
	needTables                              // tables on this side: nothing to look at without
	needBuilt                               // tables on both sides: nothing to compare without
	needLink                                // this side follows the other: nothing to look at without
	needMySQL                               // MySQL: MariaDB does not have it
	needMaria                               // MariaDB: MySQL does not have it
	needCatalog                             // every table's definition: blind without
	needKeys                                // foreign keys and checks of every table: blind without
	needCode                                // triggers, events and routines of every schema: blind without
	needAccounts                            // accounts of the server: blind without
)

type (
	answer = preflight.Answer
	check  = preflight.Check[*look]
)

// checkTable lists what is looked at, in the order it is shown. A group of
// checks is one function in a file check_<group>.go.
func checkTable() []check {
	return slices.Concat(sightChecks(), rightChecks(), settingChecks(), equalChecks(), linkChecks(), freezeChecks(), tableChecks(),
		schemaChecks(), accountChecks())
}

// Inspect asks every check of this side. A check that cannot look is blind, and
// blind is not passed. One that has nothing to look at yet says so.
func (r *Reader) Inspect(ctx context.Context, in engines.Scope) []engines.Finding {
	return r.inspect(ctx, in, checkTable())
}

func (r *Reader) inspect(ctx context.Context, in engines.Scope, table []check) []engines.Finding {
	k, err := r.look(ctx, in)
	defer k.close()
	return preflight.Inspect(ctx, in, k, err, table)
}

// Mend: an account that was denied what it asked for needs a grant.
func (k *look) Mend(err error) string {
	if se := (*ServerError)(nil); errors.As(err, &se) && denied(se.Number) {
		return "grant {own} what {here} asks for, then look again"
	}
	return ""
}

// Ready looks whether the side is there, and may be looked at.
func (k *look) Ready(n preflight.Need, _ int) (answer, bool) {
	me := k.me.facts
	switch {
	case n&needMySQL != 0 && k.me.l.d.maria:
		return preflight.Later("MariaDB does not have it")
	case n&needMaria != 0 && !k.me.l.d.maria:
		return preflight.Later("MySQL does not have it")
	case n&needProcess != 0 && !me.process:
		return preflight.Blind("{own} cannot see other accounts' sessions", "GRANT PROCESS ON *.* TO {own} on {here}")
	case n&(needStatus|needLink) != 0 && !me.status:
		return preflight.Blind("{own} cannot see the state of the replication", k.grantStatus())
	case n&(needPeer|needBuilt) != 0 && k.peerErr != nil:
		return preflight.Blind(k.peerErr.Error(), "make {there} answer, then look again")
	case n&(needCatalog|needKeys|needCode|needAccounts) != 0 && k.unseen(n) != "":
		return preflight.Blind(k.unseen(n), k.grantSight(n))
	case n&(needTables|needBuilt) != 0 && me.tables == 0:
		return preflight.Later("{here} has no tables yet")
	case n&needBuilt != 0 && k.peer.tables == 0:
		return preflight.Later("{there} has no tables yet")
	case n&needLink != 0 && len(me.links) == 0:
		return preflight.Later("{here} does not follow {there} yet")
	}
	return answer{}, true
}

func (k *look) grantStatus() string {
	return "GRANT " + k.me.l.d.pick("REPLICATION CLIENT", "SLAVE MONITOR, BINLOG MONITOR") + " ON *.* TO {own} on {here}"
}

// Say puts the names into a sentence: {own} is our account, {here} and {there} are
// this side and the other one.
func (k *look) Say(s string) string {
	if !strings.Contains(s, "{") {
		return s
	}
	own := k.p.own
	if k.me != nil && k.me.login != "" {
		own = k.me.login
	}
	return replace(s, "{own}", own, "{here}", string(k.in.On), "{there}", string(k.other()))
}
