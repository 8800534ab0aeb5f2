package mysql

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/preflight"
)

// tableChecks look for what replication does not carry, or cannot apply.
func tableChecks() []check {
	return []check{
		{ID: "MY14", Title: "Definers exist", On: preflight.To, Needs: needPeer | needCatalog | needCode | needAccounts, Waive: engines.SecondPerson, Want: "an account on {here} for every definer",
			Cause: "A trigger whose definer is missing makes every write of its table fail after the switch.",
			Next:  "create the account on {here}, or give the object another definer", Ask: definers},
		{ID: "MY15", Title: "Tables have a primary key", On: preflight.From, Needs: needTables | needCatalog, Waive: engines.SecondPerson, Want: "0 tables without",
			Cause: "Without a key each changed row is looked for in the whole table, and rows cannot be compared by parts.",
			Next:  "add a primary key in a change of its own before the cutover, or agree to compare the table by its count", Ask: keyless},
		{ID: "MY15/invisible", Title: "Keys are made alike", On: preflight.To, Needs: needPeer, Waive: engines.SecondPerson, Want: "the same sql_generate_invisible_primary_key",
			Cause: "A table that is made after the switch gets a hidden column on one side.", Next: "set it on {here} as on {there}", Ask: sameInvisible},
		{ID: "MY16", Title: "Tables are transactional", On: preflight.From, Needs: needTables | needCatalog, Waive: engines.SecondPerson, Want: "every table of an engine with transactions",
			Cause: "Such a table is not in the copy's snapshot, is not crash safe, and does not roll back at the freeze.",
			Next:  "ALTER TABLE … ENGINE = InnoDB before the cutover, or name it in the list exclude", Ask: transactional},
		{ID: "MY17", Title: "Foreign keys are equal", On: preflight.To, Needs: needBuilt | needCatalog | needKeys, Want: "no difference",
			Cause: "Rows that a cascade changes may not be in the log: the other side has to cascade by the same rule.", Next: "make the same constraint on {here}", Ask: sameForeignKeys},
		{ID: "MY19", Title: "Counters have room", On: preflight.From, Needs: needTables | needCatalog, Waive: engines.SecondPerson, Want: "75 % used at most",
			Cause: "A counter at its end refuses every insert.", Next: "change the column to a larger type before the cutover", Ask: countersFull},
		{ID: "MY19/behind", Title: "Counters of {here} are not behind", On: preflight.To, Needs: needBuilt | needCatalog, Waive: engines.SecondPerson, Want: "no next value below that of {there}",
			Cause: "An id that was handed out before would be handed out again.", Next: "nothing now: the window's step raises them under the freeze", Ask: countersBehind},
		{ID: "MY19/step", Title: "Counters go by the same step", On: preflight.To, Needs: needPeer, Waive: engines.SecondPerson, Want: "the same increment, offset and lock mode",
			Cause: "Other steps hand out other ids.", Next: "set it on {here} as on {there}", Ask: sameSteps},
	}
}

// definersSQL lists what runs under somebody's name: triggers and events on
// their own, routines and views when they are called.
var definersSQL = `SELECT 'trigger', trigger_schema, trigger_name, definer FROM information_schema.triggers WHERE trigger_schema NOT IN (` + notUsers + `)
 UNION ALL SELECT 'event', event_schema, event_name, definer FROM information_schema.events WHERE event_schema NOT IN (` + notUsers + `)
 UNION ALL SELECT LOWER(routine_type), routine_schema, routine_name, definer FROM information_schema.routines WHERE routine_schema NOT IN (` + notUsers + `)
 UNION ALL SELECT 'view', table_schema, table_name, definer FROM information_schema.views WHERE table_schema NOT IN (` + notUsers + `) ORDER BY 1, 2, 3`

// definers are those of both sides: what is not copied yet comes with the copy.
func definers(ctx context.Context, k *look) (answer, error) {
	accounts, err := k.me.names(ctx, `SELECT CONCAT(user, '@', host) FROM mysql.user`)
	if err != nil {
		return answer{}, err
	}
	var bad []string
	level := engines.Caution
	for _, e := range []*eye{k.peer, k.me} {
		rows, err := e.rows(ctx, definersSQL)
		if err != nil {
			return answer{}, err
		}
		for _, r := range rows {
			kind, who := text(r, 0), text(r, 3)
			if slices.Contains(accounts, who) {
				continue
			}
			if kind == "trigger" || kind == "event" {
				level = engines.Block
			}
			if who == "" {
				who = "nobody"
			}
			bad = append(bad, kind+" "+text(r, 1)+"."+text(r, 2)+" runs as "+who)
		}
	}
	slices.Sort(bad)
	return preflight.Found(level, slices.Compact(bad)), nil
}

// keyless asks the list of indexes: MariaDB hides constraints from an account
// that may only read, and every table would seem to lack its key.
func keyless(ctx context.Context, k *look) (answer, error) {
	names, err := k.me.names(ctx, `SELECT CONCAT(t.table_schema, '.', t.table_name) FROM information_schema.tables t WHERE t.table_type = 'BASE TABLE'
 AND t.table_schema NOT IN (`+notUsers+`) AND NOT EXISTS (SELECT 1 FROM information_schema.statistics i
  WHERE i.table_schema = t.table_schema AND i.table_name = t.table_name AND i.index_name = 'PRIMARY') ORDER BY 1`)
	if err != nil {
		return answer{}, err
	}
	byRows := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !slices.Contains(k.p.Lists["compare_rows"], n) })
	if len(byRows) > 0 {
		return preflight.Says(engines.Block, "to be compared by rows, "+preflight.Few(byRows), "add a primary key, or take the table out of the list compare_rows"), nil
	}
	return preflight.Found(engines.Caution, names), nil
}

func sameInvisible(_ context.Context, k *look) (answer, error) {
	const name = "sql_generate_invisible_primary_key"
	here, there := k.me.variable(name), k.peer.variable(name)
	if here != there {
		return answer{Level: engines.Caution, Is: quotedEmpty(here) + ", on {there} " + quotedEmpty(there)}, nil
	}
	return preflight.Passed(quotedEmpty(here))
}

// transactional: the server says of each engine whether it has transactions.
// MEMORY is empty after a restart of either side, so what is in it is told too.
func transactional(ctx context.Context, k *look) (answer, error) {
	rows, err := k.me.rows(ctx, `SELECT CONCAT(t.table_schema, '.', t.table_name, ' (', t.engine, ', ', COALESCE(t.table_rows, 0), ' rows)'), COALESCE(t.table_rows, 0), CONCAT(t.table_schema, '.', t.table_name)
 FROM information_schema.tables t LEFT JOIN information_schema.engines e ON e.engine = t.engine
 WHERE t.table_type = 'BASE TABLE' AND t.table_schema NOT IN (`+notUsers+`) AND COALESCE(e.transactions, 'NO') <> 'YES' ORDER BY 1`)
	if err != nil {
		return answer{}, err
	}
	var full, all []string
	for _, r := range rows {
		if slices.Contains(k.p.Lists["exclude"], text(r, 2)) {
			continue
		}
		all = append(all, text(r, 0))
		if text(r, 1) != "0" {
			full = append(full, text(r, 0))
		}
	}
	if len(full) > 0 {
		return preflight.Found(engines.Block, full), nil
	}
	return preflight.Found(engines.Caution, all), nil
}

func sameForeignKeys(ctx context.Context, k *look) (answer, error) {
	ds, err := k.compare(ctx, `SELECT CONCAT('foreign key ', r.constraint_schema, '.', r.table_name, '.', r.constraint_name),
 CONCAT((SELECT GROUP_CONCAT(CONCAT(u.column_name, ' -> ', u.referenced_table_schema, '.', u.referenced_table_name, '.', u.referenced_column_name) ORDER BY u.ordinal_position SEPARATOR ', ')
  FROM information_schema.key_column_usage u WHERE u.constraint_schema = r.constraint_schema AND u.table_name = r.table_name AND u.constraint_name = r.constraint_name AND u.referenced_table_name IS NOT NULL),
  ', on update ', r.update_rule, ', on delete ', r.delete_rule)
 FROM information_schema.referential_constraints r WHERE r.constraint_schema NOT IN (`+notUsers+`)`, canonicalRule)
	return preflight.Found(engines.Block, k.list(ds)), err
}

// canonicalRule: NO ACTION and RESTRICT are one rule under two names.
func canonicalRule(s string) string { return strings.ReplaceAll(s, "NO ACTION", "RESTRICT") }

// counter is one AUTO_INCREMENT column.
type counter struct {
	table, kind string
	next        uint64
}

func (e *eye) counters(ctx context.Context) ([]counter, error) {
	rows, err := e.rows(ctx, `SELECT CONCAT(t.table_schema, '.', t.table_name), CONCAT(c.column_name, ' ', c.column_type), COALESCE(t.auto_increment, 1)
 FROM information_schema.tables t JOIN information_schema.columns c ON c.table_schema = t.table_schema AND c.table_name = t.table_name
 WHERE c.extra LIKE '%auto_increment%' AND t.table_schema NOT IN (`+notUsers+`) ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	out := make([]counter, 0, len(rows))
	for _, r := range rows {
		next, err := strconv.ParseUint(text(r, 2), 10, 64)
		if err != nil {
			return nil, e.fail(errNumber)
		}
		out = append(out, counter{text(r, 0), text(r, 1), next})
	}
	return out, nil
}

// Parts of a counter's range that are used up: beyond the first somebody must
// act now, beyond the second soon.
const (
	fullBlock   = 0.90
	fullCaution = 0.75
)

func countersFull(ctx context.Context, k *look) (answer, error) {
	cs, err := k.me.counters(ctx)
	if err != nil {
		return answer{}, err
	}
	var bad []string
	level, worst := engines.Caution, 0.0
	for _, c := range cs {
		used := usedUp(c.kind, c.next)
		if worst = max(worst, used); used <= fullCaution {
			continue
		}
		if used > fullBlock {
			level = engines.Block
		}
		col, kind, _ := strings.Cut(c.kind, " ")
		bad = append(bad, fmt.Sprintf("%s.%s has used %.0f %% of %s", c.table, col, used*100, kind))
	}
	if len(bad) == 0 {
		return preflight.Passed(fmt.Sprintf("%d counters, %.0f %% used at most", len(cs), worst*100))
	}
	return preflight.Found(level, bad), nil
}

// usedUp is the used part of a column's numbers: "id tinyint unsigned", "id
// bigint(20)". A type that it does not know counts as the smallest.
func usedUp(kind string, next uint64) float64 {
	_, kind, _ = strings.Cut(strings.ToLower(kind), " ")
	bits := map[string]int{"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64, "float": 25, "double": 54}
	word := strings.FieldsFunc(kind, func(r rune) bool { return r == ' ' || r == '(' })
	n := 8
	if len(word) > 0 && bits[word[0]] != 0 {
		n = bits[word[0]]
	}
	if !strings.Contains(kind, "unsigned") {
		n--
	}
	if next == 0 {
		return 0
	}
	return float64(next-1) / (math.Pow(2, float64(n)) - 1)
}

func countersBehind(ctx context.Context, k *look) (answer, error) {
	mine, err := k.me.counters(ctx)
	if err != nil {
		return answer{}, err
	}
	theirs, err := k.peer.counters(ctx)
	if err != nil {
		return answer{}, err
	}
	have := make(map[string]uint64, len(mine))
	for _, c := range mine {
		have[c.table] = c.next
	}
	var bad []string
	for _, c := range theirs {
		if next, ok := have[c.table]; ok && next < c.next {
			bad = append(bad, fmt.Sprintf("%s would hand out %d next, {there} is at %d", c.table, next, c.next))
		}
	}
	return preflight.Found(engines.Caution, bad), nil
}

func sameSteps(_ context.Context, k *look) (answer, error) {
	var bad []string
	for _, n := range []string{"auto_increment_increment", "auto_increment_offset", "innodb_autoinc_lock_mode"} {
		if here, there := k.me.variable(n), k.peer.variable(n); here != there {
			bad = append(bad, n+" is "+here+", on {there} "+there)
		}
	}
	return preflight.Found(engines.Caution, bad), nil
}
