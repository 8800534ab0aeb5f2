package postgres

import (
	"context"
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/preflight"
)

// wayBackChecks ask whether the way back can be made at all. That it works is
// proven by a step: a check changes nothing, and to try the way means to create
// a subscription.
func wayBackChecks() []check {
	return []check{
		{ID: "PG40", Title: "The way to the other side is described", Want: "host, port, dbname, user; no password",
			Cause: "Each side takes one link, and reaches the other by this description.", Ask: described},
		{ID: "PG40/columns", Title: "Blue can take what green writes", On: preflight.To, Needs: needBuilt, Want: "every column of {here} on {there}, or left out by a column list (15 and newer)",
			Cause: "One column more on green stops the way back at the first row.", Ask: wayBackColumns},
	}
}

func described(_ context.Context, k *look) (answer, error) {
	c, err := k.p.conninfo(k.other())
	if err != nil {
		return preflight.Says(engines.Block, "no usable parameter "+string(k.other())+"_conninfo", "set parameter "+string(k.other())+"_conninfo to host=… port=… dbname=… user=…"), nil
	}
	var lack []string
	for _, word := range []string{"host=", "dbname=", "user="} {
		if !strings.Contains(" "+c, " "+word) {
			lack = append(lack, strings.TrimSuffix(word, "="))
		}
	}
	if len(lack) > 0 {
		return preflight.Says(engines.Block, "missing: "+strings.Join(lack, ", "), "set parameter "+string(k.other())+"_conninfo to host=… port=… dbname=… user=…"), nil
	}
	if k.me.sub {
		return answer{Level: engines.Pass, Is: "tried: " + k.takes().sub + " was created over it"}, nil
	}
	return answer{Level: engines.Pass, Is: "not tried yet: creating " + k.takes().sub + " tries it"}, nil
}

// wayBackColumns lists tables of this side whose columns the other side does not
// all have. A column list helps from 15 on, but not where whole rows identify.
func wayBackColumns(ctx context.Context, k *look) (answer, error) {
	mine, err := k.me.pairs(ctx, tableColumns)
	if err != nil {
		return answer{}, err
	}
	theirs, err := k.peer.pairs(ctx, tableColumns)
	if err != nil {
		return answer{}, err
	}
	full, err := k.me.names(ctx, `SELECT c.oid::regclass FROM pg_class c WHERE c.relkind = 'r' AND c.relreplident = 'f'`)
	if err != nil {
		return answer{}, err
	}
	whole := map[string]bool{}
	for _, t := range full {
		whole[t] = true
	}
	var more, stuck []string
	for _, d := range engines.Differences(mine, theirs) {
		if d.OnlyHere || d.OnlyThere {
			continue
		}
		extra := strings.Join(missingWords(d.Here, d.There), " ")
		switch {
		case extra == "":
		case whole[d.Name] || k.me.major < 15:
			stuck = append(stuck, d.Name+" ("+extra+")")
		default:
			more = append(more, d.Name+" ("+extra+")")
		}
	}
	switch {
	case len(stuck) > 0 && k.me.major < 15:
		return preflight.Says(engines.Block, preflight.Few(stuck), "PostgreSQL "+strconv.Itoa(k.me.major)+" publishes whole tables only: add the columns on {there}, or take them off {here} until the way back is given up"), nil
	case len(stuck) > 0:
		return preflight.Says(engines.Block, "identity FULL, "+preflight.Few(stuck), "give the table a key on {here}, or add the columns on {there}"), nil
	}
	a := answer{Level: engines.Pass, Is: preflight.Few(more)}
	if len(more) > 0 {
		a.Level, a.Is = engines.Info, "left out on the way back, "+a.Is
	}
	return a, nil
}

// tableColumns lists the columns of each table that replication carries. A
// generated column is made by each side itself. Spaces part the names, so the
// ones inside a quoted name are shown as a dot that is in the middle.
const tableColumns = `SELECT c.oid::regclass, string_agg(replace(quote_ident(a.attname), ' ', '·'), ' ' ORDER BY a.attnum)
 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
 WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND ` + userRelation + ` AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' GROUP BY c.oid`
