package mysql

import (
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// Limits of waits for a link. Its two halves are asked in turn; a connect that
// fails is tried again each second.
const (
	threadEvery = 5 * time.Millisecond
	threadLimit = 10 * time.Second
	running     = "Yes / Yes"
	receiving   = "Yes / No"
	applying    = "No / Yes"
	still       = "No / No"
)

func (p plan) begin(on engines.TargetID) engines.Action {
	return engines.Proven(engines.Act(on, "start the link on "+string(on), p.of(on).start()), p.threads(on, running))
}

func (p plan) halt(on engines.TargetID) engines.Action {
	return engines.Proven(engines.Act(on, "stop the link on "+string(on), p.of(on).stop()), p.threads(on, still))
}

// half starts one half of a link alone.
func (p plan) half(on engines.TargetID, name, thread, want string) engines.Action {
	return engines.Proven(engines.Act(on, "start the "+name+" alone on "+string(on), p.of(on).start()+" "+thread), p.threads(on, want))
}

// forget drops the definition of a link that stands still.
func (p plan) forget(on engines.TargetID) engines.Action {
	d := p.of(on)
	return engines.Proven(engines.Act(on, "forget the link on "+string(on), d.forget()), engines.Ask(on, "there is no link", kept(d.status(), d.threads()...), "none"))
}

// unlink stops a link and forgets it, whether or not it is there.
func (p plan) unlink(on engines.TargetID) []engines.Action {
	d := p.of(on)
	stop := engines.Act(on, "stop the link on "+string(on), d.stop())
	// STOP of a link that is not there is no error on either product; what it
	// leaves is seen by what follows.
	stop.Proof = engines.Until(engines.Ask(on, "nothing of the link runs", d.stillSQL(), "0"), threadEvery, threadLimit)
	return []engines.Action{stop, p.forget(on)}
}

// stillSQL counts threads of links, whether or not there is one.
func (d dialect) stillSQL() string {
	return d.pick("SELECT COUNT(*) FROM performance_schema.threads WHERE name IN ('thread/sql/replica_io', 'thread/sql/replica_sql', 'thread/sql/slave_io', 'thread/sql/slave_sql')",
		"SELECT COUNT(*) FROM information_schema.processlist WHERE command IN ('Slave_IO', 'Slave_SQL')")
}

// define makes the link on a side, standing still.
func (p plan) define(on, from engines.TargetID, binds ...engines.Bind) (engines.Action, error) {
	src, err := p.sourceOf(from)
	if err != nil {
		return engines.Action{}, err
	}
	a := engines.Proven(engines.Act(on, "link from "+string(from)+" to "+string(on)+", standing still", p.connect(on, src)), p.defined(on, src))
	if !p.byID() {
		a.Binds = binds
	}
	return a, nil
}

// free asks whether a side follows nobody.
func (p plan) free(on engines.TargetID) *engines.Proof {
	d := p.of(on)
	return engines.Ask(on, string(on)+" follows nobody yet", kept(d.status(), d.threads()...), "none")
}

// once makes an action of a new link pass over a side that follows already: a
// cockpit that died here may have made the link, and it may have run since, so
// that its beginning lies behind it. The action's proof is asked all the same: a
// link that leads elsewhere is left as it is, and stops the step.
func (p plan) once(a engines.Action) engines.Action {
	a.Only = p.free(a.Target)
	return a
}

// follow says from where MariaDB takes up a link by ids.
func (p plan) follow(on engines.TargetID, b engines.Bind) engines.Action {
	a := engines.Proven(engines.Act(on, "the link takes up behind what "+string(on)+" has", "SET GLOBAL gtid_slave_pos = $1"),
		engines.Ask(on, "it does", "SELECT "+sameIDs("@@global.gtid_slave_pos", "$1"), "1"))
	return bound(a, b)
}

// sameIDs compares two lists of MariaDB's ids, whose domains come in any order.
func sameIDs(a, b string) string {
	in := func(x string) string {
		return "(SELECT GROUP_CONCAT(g ORDER BY g) FROM JSON_TABLE(CONCAT('[\"', REPLACE(" + x + ", ',', '\",\"'), '\"]'), '$[*]' COLUMNS (g VARCHAR(64) PATH '$')) j)"
	}
	return in(a) + " = " + in(b)
}

// attach makes and starts the link from the coordinates of the copy, and sends a
// token through it.
func (p plan) attach() (engines.Parts, error) {
	ids := engines.Bind{Var: varSeedIDs, Why: "transactions in the copy"}
	define, err := p.define(p.To, p.From, engines.Bind{Var: varSeedFile, Why: "log file of the copy"}, engines.Bind{Var: varSeedPos, Why: "position of the copy"})
	if err != nil {
		return engines.Parts{}, err
	}
	var as []engines.Action
	if p.byID() && p.d.maria {
		begin := p.follow(p.To, ids)
		begin.Proof.Text = reachedIDs // a link that has run since is further
		as = append(as, p.once(begin))
	}
	if p.byID() && !p.d.maria {
		as = append(as, bound(engines.Checked(p.From, "nothing that the copy lacks has been purged", "SELECT GTID_SUBSET(@@global.gtid_purged, $1)", "1"), ids))
	}
	as = append(as, p.once(define))
	n := len(as)
	as = append(as, p.begin(p.To), p.write(p.From, p.Token()+".link"), p.arrives(p.To, p.Token()+".link", threadLimit))
	return engines.Parts{Actions: as, Undo: engines.Undoing(n, p.unlink(p.To)...)}, nil
}

func (p plan) attachDrop() (engines.Parts, error) {
	return engines.Parts{Actions: p.unlink(p.To), UndoNone: "attach it again, with a new copy"}, nil
}

// reverseDefine makes the link of the way back, which starts under the freeze. By
// position there is nothing to define yet: where it begins is known under the
// freeze.
//
// The applier of a new link took a MySQL 40 to 390 ms to start for the first time,
// and 10 ms ever after. So it runs once here, alone: there is nothing to apply. Then
// the receiver does, also alone, which shows that green lets it in. A MariaDB starts
// both in 5 ms, and reads from where it stands, which is known under the freeze only.
func (p plan) reverseDefine() (engines.Parts, error) {
	if !p.byID() {
		free := p.free(p.From)
		return engines.Parts{Actions: []engines.Action{engines.Proven(engines.Act(p.From, free.Title, free.Text), free)}, UndoNone: "reads only: by file and position the link is defined under the freeze"}, nil
	}
	a, err := p.define(p.From, p.To)
	if err != nil {
		return engines.Parts{}, err
	}
	as := []engines.Action{p.once(a)}
	if !p.d.maria {
		// A cockpit that died here may have left a half running.
		as = append(as, p.halt(p.From), p.half(p.From, "applier", "SQL_THREAD", applying), p.halt(p.From),
			p.half(p.From, "receiver", "IO_THREAD", receiving), p.halt(p.From))
	}
	return engines.Parts{Actions: as, Undo: engines.Undoing(1, p.unlink(p.From)...)}, nil
}

func (p plan) reverseDrop() (engines.Parts, error) {
	return engines.Parts{Actions: p.unlink(p.From), UndoNone: "the link back is made again by its own step"}, nil
}

// detach forgets the link that stood still since the window.
func (p plan) detach() (engines.Parts, error) {
	return engines.Parts{Actions: p.unlink(p.To), UndoNone: "the way back makes its own link"}, nil
}

// closeWay gives up the way back: the link to the side that had the writes.
func (p plan) closeWay() (engines.Parts, error) {
	return engines.Parts{Actions: p.unlink(p.From), UndoNone: "the way back ends here"}, nil
}
