package postgres

import (
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// cmp is our own slot and publication on a side: they carry which rows change
// after the comparison, nothing is applied from them. Those of the way back have
// names of their own.
func (p plan) cmp(side engines.TargetID) link {
	name := p.Param("compare_slot", "tq_cmp")
	if p.From == "green" {
		name += "_back"
	}
	return link{from: side, to: side, pub: name, slot: name}
}

// follow makes the publication of a side, or names its tables anew: one that was made
// since would be followed by nobody. From 15 on only the columns of the key are
// published where the key is the replica identity: no other value leaves the server.
func (p plan) follow(l link) string {
	with := ""
	if p.Known[l.from].Major >= 15 {
		with = ` || coalesce((SELECT '(' || string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) || ')' FROM pg_catalog.pg_index i
     JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey) WHERE i.indrelid = c.oid AND i.indisprimary AND c.relreplident = 'd'), '')`
	}
	which := `n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`
	if tables := p.Lists["tables"]; len(tables) > 0 && (len(tables) != 1 || tables[0] != "all") {
		q := make([]string, len(tables))
		for i, t := range tables {
			q[i] = lit(table(t)) + "::regclass"
		}
		which = "(n.nspname = 'tq' OR c.oid IN (" + strings.Join(q, ", ") + "))"
	}
	return body(`DECLARE l text;
BEGIN
  SELECT string_agg(format('%I.%I', n.nspname, c.relname)` + with + `, ', ') INTO STRICT l
   FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition AND ` + which + `;
  IF EXISTS (SELECT FROM pg_catalog.pg_publication WHERE pubname = ` + lit(l.pub) + `) THEN
    EXECUTE ` + lit("ALTER PUBLICATION "+ident(l.pub)+" SET TABLE ") + ` || l;
  ELSE
    EXECUTE ` + lit("CREATE PUBLICATION "+ident(l.pub)+" FOR TABLE ") + ` || l || ' WITH (publish_via_partition_root = true)';
  END IF;
END`)
}

// compareTrack makes publication and slot on both sides and then compares
// everything: what changes while the tables are read is in the slots.
func (p plan) compareTrack() (engines.Parts, error) {
	if !p.Compared() {
		return engines.Parts{UndoNone: p.NotCompared()}, nil
	}
	var out engines.Parts
	for _, side := range []engines.TargetID{p.From, p.To} {
		l := p.cmp(side)
		pub := engines.Proven(engines.Act(side, "publication "+l.pub+": which rows change", p.follow(l)), published(l))
		made := "SELECT count(pg_create_logical_replication_slot(" + lit(l.slot) + ", 'pgoutput')) WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots WHERE slot_name = " + lit(l.slot) + ")"
		slot := engines.Proven(engines.Act(side, "slot "+l.slot+": following begins here", made), slotStands(l))
		slot.Limit = attachCopyLimit
		out.Actions = append(out.Actions, pub, slot)
	}
	order, err := p.Order()
	if err != nil {
		return engines.Parts{}, err
	}
	order.Slot, order.Publication = p.cmp(p.From).slot, p.cmp(p.From).pub
	out.Actions = append(out.Actions, engines.CompareAction(order))
	drop, _ := p.compareDrop()
	out.Undo = engines.Undoing(1, drop.Actions...)
	return out, nil
}

// compareProve is the proof inside the window.
func (p plan) compareProve() (engines.Parts, error) { return p.Prove() }

// compareDrop takes slots and publications away: a slot that nobody reads fills
// the disk. It works whether or not there are any.
func (p plan) compareDrop() (engines.Parts, error) {
	out := engines.Parts{UndoNone: "the comparison is made anew by its own step"}
	if !p.Compared() {
		return engines.Parts{UndoNone: p.NotCompared()}, nil
	}
	out.Actions = append(out.Actions, engines.CompareAction(engines.CompareOrder{Do: engines.CompareEnd, Slot: p.cmp(p.From).slot, Back: p.From == "green"}))
	for _, side := range []engines.TargetID{p.From, p.To} {
		l := p.cmp(side)
		out.Actions = append(out.Actions, append(unslot(l), unpublish(l))...)
	}
	return out, nil
}
