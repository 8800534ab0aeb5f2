package postgres

import (
	"context"
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/preflight"
)

// What a check of this engine may need.
const (
	needStats    preflight.Need = 1 << iota // other roles' sessions: blind without
	needSettings                            // every setting: blind without
	needPeer                                // the other side: blind without
	needTables                              // tables on this side: nothing to look at without
	needBuilt                               // tables on both sides: nothing to compare without
	needPub                                 // the publication of the link that this side feeds
	needSub                                 // the subscription of the link that this side takes
	needSlot                                // the slot of the link that this side feeds
)

type (
	answer = preflight.Answer
	check  = preflight.Check[*look]
)

// checkTable lists what is looked at, in the order it is shown.
func checkTable() []check {
	var out []check
	for _, group := range [][]check{sightChecks(), rightChecks(), settingChecks(), tableChecks(), sequenceChecks(),
		linkChecks(), slotChecks(), schemaChecks(), sessionChecks(), roleChecks(), wayBackChecks()} {
		out = append(out, group...)
	}
	return out
}

// Inspect asks every check of this side. A check that cannot look is blind, and
// blind is not passed. One that has nothing to look at yet says so.
func (r *Reader) Inspect(ctx context.Context, in engines.Scope) []engines.Finding {
	return r.inspect(ctx, in, checkTable())
}

func (r *Reader) inspect(ctx context.Context, in engines.Scope, table []check) []engines.Finding {
	k, err := r.look(ctx, in)
	defer k.close(ctx)
	out := preflight.Inspect(ctx, in, k, err, table)
	for i, f := range out {
		out[i].Waive = waiveOf(f.ID, f.Level)
	}
	return out
}

// Mend has nothing to add to what an error says.
func (k *look) Mend(error) string { return "" }

// Ready looks whether the side is there, may be looked at, and is new enough.
func (k *look) Ready(n preflight.Need, since int) (answer, bool) {
	me := k.me.facts
	switch {
	case n&needStats != 0 && !me.stats:
		return preflight.Blind("{own} cannot see other roles' sessions", "GRANT pg_monitor TO {own} on {here}")
	case n&needSettings != 0 && !me.settings:
		return preflight.Blind("{own} cannot see every setting", "GRANT pg_monitor TO {own} on {here}")
	case n&(needPeer|needBuilt) != 0 && k.peerErr != nil:
		return preflight.Blind(k.peerErr.Error(), "make {there} answer, then look again")
	case me.major < since:
		return preflight.Later("PostgreSQL " + strconv.Itoa(me.major) + " does not have it")
	case n&(needTables|needBuilt) != 0 && me.tables == 0:
		return preflight.Later("{here} has no tables yet")
	case n&needBuilt != 0 && k.peer.tables == 0:
		return preflight.Later("{there} has no tables yet")
	case n&needPub != 0 && !me.pub:
		return preflight.Later("no publication " + k.feeds().pub + " yet")
	case n&needSub != 0 && !me.sub:
		return preflight.Later("no subscription " + k.takes().sub + " yet")
	case n&needSlot != 0 && !me.slot:
		return preflight.Later("no slot " + k.feeds().slot + " yet")
	}
	return answer{}, true
}

// Say puts the names into a sentence: {own} is our role, {db} the database, {here}
// and {there} are this side and the other one.
func (k *look) Say(s string) string {
	if !strings.Contains(s, "{") {
		return s
	}
	own, db := k.p.own, k.p.Param("database", "app")
	if k.me != nil {
		own, db = k.me.login, k.me.database
	}
	return strings.NewReplacer("{own}", ident(own), "{db}", ident(db), "{here}", string(k.in.On), "{there}", string(k.other())).Replace(s)
}

// none asks for rows of names, one column; no row is a pass. args are read from
// the look when it is asked.
func none(l engines.Level, sql string, args ...func(*look) string) func(context.Context, *look) (answer, error) {
	return func(ctx context.Context, k *look) (answer, error) {
		names, err := k.me.names(ctx, sql, k.args(args)...)
		return preflight.Found(l, names), err
	}
}

// holds asks for one row: whether it is so, and what is seen.
func holds(l engines.Level, sql string, args ...func(*look) string) func(context.Context, *look) (answer, error) {
	return func(ctx context.Context, k *look) (answer, error) {
		row, err := k.me.row(ctx, sql, k.args(args)...)
		if err != nil {
			return answer{}, err
		}
		if text(row, 0) == "t" {
			return answer{Level: engines.Pass, Is: text(row, 1)}, nil
		}
		return answer{Level: l, Is: text(row, 1)}, nil
	}
}

func (k *look) args(fs []func(*look) string) []string {
	out := make([]string, len(fs))
	for i, f := range fs {
		out[i] = f(k)
	}
	return out
}
