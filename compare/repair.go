package compare

import (
	"context"
	"fmt"

	"github.com/turquoise-db/turquoise/checks/tablediff"
	"github.com/turquoise-db/turquoise/engines"
)

// repair writes the statements that would make one side's rows like the other's.
// Only rows that are settled get one: what still moves may repair itself.
func (r *runner) repair(ctx context.Context, t *table, cause error) {
	if r.o.Repair == nil || cause != nil || len(t.suspects) == 0 {
		return
	}
	if len(t.Key) == 0 || t.report.Unnamed > 0 {
		r.report.Repair = append(r.report.Repair, "-- "+t.Label()+": no statements, its differing rows have no names or are too many: copy the table again")
		return
	}
	var keys []engines.Key
	for _, s := range t.suspects {
		if s.Class != tablediff.Moving {
			keys = append(keys, s.Key)
		}
	}
	from, to := r.main.blue, r.main.green
	if r.o.RepairBlue {
		from, to = to, from
	}
	for at := 0; at < len(keys); at += batch {
		some := keys[at:min(at+batch, len(keys))]
		right, err := from.Values(ctx, t.TableDigest, some)
		if err == nil {
			var wrong []engines.RowHash
			if wrong, err = to.ByKey(ctx, t.TableDigest, some); err == nil {
				r.statements(t, some, right, index(wrong))
			}
		}
		if err != nil {
			r.report.Repair = append(r.report.Repair, fmt.Sprintf("-- %s: rows could not be read: %v", t.Label(), err))
			return
		}
	}
}

func (r *runner) statements(t *table, keys []engines.Key, right []engines.RowValues, there map[string]engines.RowHash) {
	values := make(map[string]map[string]*string, len(right))
	for _, row := range right {
		values[tablediff.ID(row.Key)] = row.Values
	}
	for _, k := range keys {
		_, exists := there[tablediff.ID(k)]
		r.report.Repair = append(r.report.Repair, r.o.Repair(t.TableDigest, k, values[tablediff.ID(k)], exists))
	}
}
