package mysql

import (
	"context"
	"slices"
	"sort"
)

// difference is a thing that the sides have not alike. An empty side lacks it.
type difference struct {
	name, here, there string
	onlyHere          bool
	onlyThere         bool
}

func (k *look) tell(d difference) string {
	here, there := string(k.in.On), string(k.other())
	switch {
	case d.onlyHere:
		return d.name + " is on " + here + " only"
	case d.onlyThere:
		return d.name + " is on " + there + " only"
	}
	return d.name + " is " + d.there + " on " + there + ", " + d.here + " on " + here
}

func (k *look) list(ds []difference) []string {
	out := make([]string, len(ds))
	for i, d := range ds {
		out[i] = k.tell(d)
	}
	return out
}

// pairs is a query's first column with its second, made canonical.
func (e *eye) pairs(ctx context.Context, sql string, canonical func(string) string) (map[string]string, error) {
	rows, err := e.rows(ctx, sql)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(rows))
	for _, r := range rows {
		out[text(r, 0)] = canonical(text(r, 1))
	}
	return out, nil
}

// compare asks both sides the same and lists what differs, by name. The runbook
// may expect a difference.
func (k *look) compare(ctx context.Context, sql string, canonical func(string) string) ([]difference, error) {
	mine, err := k.me.pairs(ctx, sql, canonical)
	if err != nil {
		return nil, err
	}
	theirs, err := k.peer.pairs(ctx, sql, canonical)
	if err != nil {
		return nil, err
	}
	return k.unexpected(diff(mine, theirs)), nil
}

func (k *look) unexpected(ds []difference) []difference {
	return slices.DeleteFunc(ds, func(d difference) bool { return slices.Contains(k.p.Lists["expected_schema_diff"], d.name) })
}

func diff(mine, theirs map[string]string) []difference {
	var out []difference
	for name, here := range mine {
		there, ok := theirs[name]
		if !ok || here != there {
			out = append(out, difference{name: name, here: here, there: there, onlyHere: !ok})
		}
	}
	for name, there := range theirs {
		if _, ok := mine[name]; !ok {
			out = append(out, difference{name: name, there: there, onlyThere: true})
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].name < out[j].name })
	return out
}
