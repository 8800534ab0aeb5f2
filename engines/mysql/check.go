package mysql

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// askedOn says on which side a check is asked.
type askedOn int

const (
	onBoth askedOn = iota
	onFrom         // the side that has the writes
	onTo           // the side that gets them
)

// need is what must be there before a check can say anything. A check that
// looks without it would find nothing, and nothing found reads as a pass.
type need int

const (
	needProcess  need = 1 << iota // other accounts' sessions: blind without
	needStatus                    // state of the replication: blind without
	needPeer                      // the other side: blind without
	needTables                    // tables on this side: nothing to look at without
	needBuilt                     // tables on both sides: nothing to compare without
	needLink                      // this side follows the other: nothing to look at without
	needMySQL                     // MySQL: MariaDB does not have it
	needMaria                     // MariaDB: MySQL does not have it
	needCatalog                   // every table's definition: blind without
	needKeys                      // foreign keys and checks of every table: blind without
	needCode                      // triggers, events and routines of every schema: blind without
	needAccounts                  // accounts of the server: blind without
)

// answer is what a check found. next replaces the check's own next move.
type answer struct {
	level engines.Level
	is    string
	next  string
}

// check is one question of the preflight. Its text speaks to the operator:
// cause is why a failure matters, next what to do. {own}, {here} and {there}
// stand for our account, this side and the other one. waive says who may go on
// against it; without one it can only be mended.
type check struct {
	id, title string
	on        askedOn
	needs     need
	waive     engines.Waive
	want      string
	cause     string
	next      string
	ask       func(ctx context.Context, k *look) (answer, error)
}

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
	var out []engines.Finding
	for _, c := range table {
		if (c.on == onFrom && in.On != in.From) || (c.on == onTo && in.On != in.To) {
			continue
		}
		f := k.answer(ctx, c, err)
		if f.Level == engines.Block || f.Level == engines.Blind {
			f.Waive = c.waive
		}
		out = append(out, f)
	}
	return out
}

// answer turns one check into a finding.
func (k *look) answer(ctx context.Context, c check, broken error) engines.Finding {
	f := engines.Finding{ID: c.id, Title: k.say(c.title), Target: k.in.On, Want: k.say(c.want), Cause: k.say(c.cause), Next: k.say(c.next)}
	a, err := answer{}, broken
	if err == nil {
		var ready bool
		if a, ready = k.ready(c); ready {
			a, err = c.ask(ctx, k)
		}
	}
	if err != nil {
		// What could not be asked has no verdict, whatever was found before.
		a = answer{engines.Blind, err.Error(), ""}
		var e *engines.Error
		var se *ServerError
		switch {
		case errors.As(err, &se) && denied(se.Number):
			a.next = "grant {own} what {here} asks for, then look again"
		case errors.As(err, &e) && e.Next != "":
			a.next = e.Next
		}
	}
	f.Level, f.Is = a.level, clean(k.say(a.is))
	if a.next != "" {
		f.Next = clean(k.say(a.next)) // it may name what a server called itself
	}
	return f
}

// ready reports whether a check can look at all, and if not, what that means.
func (k *look) ready(c check) (answer, bool) {
	n, me := c.needs, k.me.facts
	blind := func(is, next string) (answer, bool) { return answer{engines.Blind, is, next}, false }
	later := func(is string) (answer, bool) { return answer{engines.Info, is, ""}, false }
	switch {
	case n&needMySQL != 0 && k.me.l.d.maria:
		return later("MariaDB does not have it")
	case n&needMaria != 0 && !k.me.l.d.maria:
		return later("MySQL does not have it")
	case n&needProcess != 0 && !me.process:
		return blind("{own} cannot see other accounts' sessions", "GRANT PROCESS ON *.* TO {own} on {here}")
	case n&(needStatus|needLink) != 0 && !me.status:
		return blind("{own} cannot see the state of the replication", k.grantStatus())
	case n&(needPeer|needBuilt) != 0 && k.peerErr != nil:
		return blind(k.peerErr.Error(), "make {there} answer, then look again")
	case n&(needCatalog|needKeys|needCode|needAccounts) != 0 && k.unseen(n) != "":
		return blind(k.unseen(n), k.grantSight(n))
	case n&(needTables|needBuilt) != 0 && me.tables == 0:
		return later("{here} has no tables yet")
	case n&needBuilt != 0 && k.peer.tables == 0:
		return later("{there} has no tables yet")
	case n&needLink != 0 && len(me.links) == 0:
		return later("{here} does not follow {there} yet")
	}
	return answer{}, true
}

func (k *look) grantStatus() string {
	return "GRANT " + k.me.l.d.pick("REPLICATION CLIENT", "SLAVE MONITOR, BINLOG MONITOR") + " ON *.* TO {own} on {here}"
}

// say puts names into a sentence.
func (k *look) say(s string) string {
	if !strings.Contains(s, "{") {
		return s
	}
	own := k.p.own
	if k.me != nil && k.me.login != "" {
		own = k.me.login
	}
	return replace(s, "{own}", own, "{here}", string(k.in.On), "{there}", string(k.other()))
}

// found passes if there is nothing, else it names what there is.
func found(l engines.Level, names []string) answer {
	if len(names) == 0 {
		l = engines.Pass
	}
	return answer{level: l, is: few(names)}
}

// passed is an answer that needs no more words.
func passed(is string) (answer, error) { return answer{level: engines.Pass, is: is}, nil }

// few names the first of many.
func few(names []string) string {
	const most = 4
	switch {
	case len(names) == 0:
		return "0"
	case len(names) <= most:
		return strconv.Itoa(len(names)) + ": " + strings.Join(names, ", ")
	}
	return strconv.Itoa(len(names)) + ": " + strings.Join(names[:most], ", ") + " and " + strconv.Itoa(len(names)-most) + " more"
}
