package postgres

import (
	"context"
	"errors"
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
	needStats    need = 1 << iota // other roles' sessions: blind without
	needSettings                  // every setting: blind without
	needPeer                      // the other side: blind without
	needTables                    // tables on this side: nothing to look at without
	needBuilt                     // tables on both sides: nothing to compare without
	needPub                       // the publication of the link that this side feeds
	needSub                       // the subscription of the link that this side takes
	needSlot                      // the slot of the link that this side feeds
)

// answer is what a check found. next replaces the check's own next move.
type answer struct {
	level engines.Level
	is    string
	next  string
}

// check is one question of the preflight. Its text speaks to the operator:
// cause is why a failure matters, next what to do. {own}, {db}, {here} and
// {there} stand for our role, the database, this side and the other one.
type check struct {
	id, title string
	on        askedOn
	needs     need
	since     int // first major version that knows it; 0 is all
	want      string
	cause     string
	next      string
	ask       func(ctx context.Context, k *look) (answer, error)
}

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
	var out []engines.Finding
	for _, c := range table {
		if (c.on == onFrom && in.On != in.From) || (c.on == onTo && in.On != in.To) {
			continue
		}
		f := k.answer(ctx, c, err)
		f.Waive = waiveOf(f.ID, f.Level)
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
		if a, ready = k.ready(c); !ready {
			f.Level, f.Is = a.level, clean(k.say(a.is))
			if a.next != "" {
				f.Next = k.say(a.next)
			}
			return f
		}
		a, err = c.ask(ctx, k)
	}
	if err != nil {
		// What could not be asked has no verdict, whatever was found before.
		f.Level, f.Is = engines.Blind, clean(err.Error())
		var e *engines.Error
		if errors.As(err, &e) && e.Next != "" {
			f.Next = e.Next
		}
		return f
	}
	f.Level, f.Is = a.level, clean(a.is)
	if a.next != "" {
		f.Next = k.say(a.next)
	}
	return f
}

// ready reports whether a check can look at all, and if not, what that means.
func (k *look) ready(c check) (answer, bool) {
	n, me := c.needs, k.me.facts
	blind := func(is, next string) (answer, bool) { return answer{engines.Blind, is, next}, false }
	later := func(is string) (answer, bool) { return answer{engines.Info, is, ""}, false }
	switch {
	case n&needStats != 0 && !me.stats:
		return blind("{own} cannot see other roles' sessions", "GRANT pg_monitor TO {own} on {here}")
	case n&needSettings != 0 && !me.settings:
		return blind("{own} cannot see every setting", "GRANT pg_monitor TO {own} on {here}")
	case n&(needPeer|needBuilt) != 0 && k.peerErr != nil:
		return blind(k.peerErr.Error(), "make {there} answer, then look again")
	case me.major < c.since:
		return later("PostgreSQL " + strconv.Itoa(me.major) + " does not have it")
	case n&(needTables|needBuilt) != 0 && me.tables == 0:
		return later("{here} has no tables yet")
	case n&needBuilt != 0 && k.peer.tables == 0:
		return later("{there} has no tables yet")
	case n&needPub != 0 && !me.pub:
		return later("no publication " + k.feeds().pub + " yet")
	case n&needSub != 0 && !me.sub:
		return later("no subscription " + k.takes().sub + " yet")
	case n&needSlot != 0 && !me.slot:
		return later("no slot " + k.feeds().slot + " yet")
	}
	return answer{}, true
}

// say puts names into a sentence.
func (k *look) say(s string) string {
	if !strings.Contains(s, "{") {
		return s
	}
	own, db := k.p.own, k.p.Param("database", "app")
	if k.me != nil {
		own, db = k.me.login, k.me.database
	}
	return strings.NewReplacer("{own}", ident(own), "{db}", ident(db), "{here}", string(k.in.On), "{there}", string(k.other())).Replace(s)
}

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

// found passes if there is nothing, else it names what there is.
func found(l engines.Level, names []string) answer {
	if len(names) == 0 {
		l = engines.Pass
	}
	return answer{level: l, is: few(names)}
}

// none asks for rows of names, one column; no row is a pass. args are read from
// the look when it is asked.
func none(l engines.Level, sql string, args ...func(*look) string) func(context.Context, *look) (answer, error) {
	return func(ctx context.Context, k *look) (answer, error) {
		names, err := k.me.names(ctx, sql, k.args(args)...)
		return found(l, names), err
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
			return answer{level: engines.Pass, is: text(row, 1)}, nil
		}
		return answer{level: l, is: text(row, 1)}, nil
	}
}

func (k *look) args(fs []func(*look) string) []string {
	out := make([]string, len(fs))
	for i, f := range fs {
		out[i] = f(k)
	}
	return out
}
