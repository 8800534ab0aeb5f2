package postgres

import (
	"strconv"

	"github.com/turquoise-db/turquoise/engines"
)

// userSequence picks the sequences that move: not temporary, not an
// extension's. pg_class is c.
const userSequence = `c.relkind = 'S' AND c.relpersistence <> 't'
 AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`

// sequenceRows reads last_value and is_called of every sequence in one
// statement whose text does not depend on their names. pg_sequence_last_value
// hides a value that was set but never handed out, and nextval would change what
// it reads; so each sequence is asked itself, through query_to_xml.
const sequenceRows = `SELECT n.nspname, c.relname, substring(x.t FROM '<last_value>(-?[0-9]+)</last_value>')::bigint AS last,
  substring(x.t FROM '<is_called>([a-z]+)</is_called>')::boolean AS called, s.seqincrement AS inc, s.seqmin, s.seqmax, s.seqcycle, c.oid
 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_sequence s ON s.seqrelid = c.oid
 CROSS JOIN LATERAL (SELECT query_to_xml(format('SELECT last_value, is_called FROM %I.%I', n.nspname, c.relname), false, true, '')::text AS t) x
 WHERE ` + userSequence

// sequenceStates is all of them as one JSON value: schema, name, last value,
// whether it was handed out.
const sequenceStates = `WITH q AS MATERIALIZED (` + sequenceRows + `)
SELECT coalesce(json_agg(json_build_array(nspname, relname, last, called) ORDER BY nspname, relname), '[]'), count(*) FROM q`

// raise brings the sequences of this side up to the states in $1, plus a margin
// of increments. What is compared is the next value each side would hand out,
// as numeric, for it may lie past the type's end. A sequence that cycles has no
// direction and is set to the same state. CASE keeps setval from being called
// for the others.
func raise(margin int) string {
	m := strconv.Itoa(margin)
	return `WITH q AS MATERIALIZED (` + sequenceRows + `),
w AS MATERIALIZED (SELECT q.*, (e->>2)::bigint AS l, (e->>3)::boolean AS u FROM json_array_elements($1::json) e
 JOIN q ON q.nspname = e->>0 AND q.relname = e->>1),
g AS MATERIALIZED (SELECT w.*, greatest(seqmin, least(seqmax, l::numeric + inc::numeric * ` + m + `))::bigint AS v, (u OR ` + m + ` > 0) AS c FROM w)
SELECT count(CASE
 WHEN seqcycle THEN CASE WHEN ` + m + ` = 0 AND (last, called) IS DISTINCT FROM (l, u) THEN setval(oid::regclass, l, u) END
 WHEN sign(inc::numeric) * (v::numeric + CASE WHEN c THEN inc ELSE 0 END) > sign(inc::numeric) * (last::numeric + CASE WHEN called THEN inc ELSE 0 END)
  THEN setval(oid::regclass, v, c) END) AS raised, count(*) AS known FROM g`
}

// sequencesBehind counts sequences in $1 that this side lacks or whose next
// value here is behind. On the way back a sequence that only green has is
// green's own: no statement of blue's application asks for it.
func (p plan) sequencesBehind() string {
	missing := "q.oid IS NULL OR"
	if p.From == engines.GreenSide {
		missing = "q.oid IS NOT NULL AND"
	}
	return `WITH q AS MATERIALIZED (` + sequenceRows + `)
SELECT count(*) FROM json_array_elements($1::json) e LEFT JOIN q ON q.nspname = e->>0 AND q.relname = e->>1
 WHERE ` + missing + ` CASE WHEN seqcycle THEN (last, called) IS DISTINCT FROM ((e->>2)::bigint, (e->>3)::boolean)
  ELSE sign(inc::numeric) * (last::numeric + CASE WHEN called THEN inc ELSE 0 END)
     < sign(inc::numeric) * ((e->>2)::numeric + CASE WHEN (e->>3)::boolean THEN inc ELSE 0 END) END`
}

// sequences reads the states where the writes were and raises the other side,
// under the freeze.
func (p plan) sequences() (engines.Parts, error) { return p.raiseTo("seq_states", 0), nil }

// sequencesMargin does it ahead of the window with room to spare, so that even
// a lost answer inside it cannot hand out a number twice.
func (p plan) sequencesMargin() (engines.Parts, error) {
	n, err := strconv.Atoi(p.Param("margin", "1000"))
	if err != nil || n < 1 {
		return engines.Parts{}, &engines.Error{Op: "plan sequences", Object: string(p.To), Err: errMargin,
			Next: "set parameter margin to a number of increments, 1 or more"}
	}
	parts := p.raiseTo("seq_states_margin", n)
	// A cycling sequence waits for the freeze, so it may be behind until then.
	parts.Actions[1].Proof.Text += " AND NOT coalesce(seqcycle, false)"
	// The states go on moving while the application runs; what was read must be reached.
	return parts, nil
}

func (p plan) raiseTo(name string, margin int) engines.Parts {
	read := engines.Act(p.From, "states of all sequences", sequenceStates)
	read.Captures = []engines.Capture{{Var: name}}
	binds := []engines.Bind{{Var: name, Why: "last_value, is_called of every sequence on " + string(p.From) + ", read by the action before"}}
	title := "raise sequences"
	if margin > 0 {
		title += " by " + strconv.Itoa(margin) + " increments beyond"
	}
	up := engines.Act(p.To, title, raise(margin))
	up.Binds = binds
	up.Proof = engines.Ask(p.To, "sequences behind or missing", p.sequencesBehind(), "0")
	up.Proof.Binds = binds
	return engines.Parts{Actions: []engines.Action{read, up}, UndoNone: "higher sequences are harmless, and they never go back"}
}
