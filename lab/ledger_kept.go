package lab

import (
	"context"
	"fmt"

	"github.com/turquoise-db/turquoise/engines"
)

// Kept compares what clients were promised up to this moment with the database
// that serves, while they go on. It sees loss and doubling; Check, on a stopped
// ledger, sees the rest.
func (l *Ledger) Kept(ctx context.Context, serves string) error {
	l.mu.Lock()
	promised := make([]ledgerKey, 0, len(l.fates))
	for k, f := range l.fates {
		if f == Acked || f == Found {
			promised = append(promised, k)
		}
	}
	l.mu.Unlock()
	here, _, err := l.load(ctx, serves)
	if err != nil {
		return err
	}
	lost, doubled := 0, 0
	for _, k := range promised {
		n := here[k]
		if n.ledger == 0 || n.orders == 0 {
			lost++
		}
		if n.ledger > 1 || n.orders > 1 {
			doubled++
		}
	}
	if lost+doubled > 0 {
		return &engines.Error{Op: "check the ledger", Object: "the server that takes writes",
			Err: fmt.Errorf("of %d promises %d lost, %d doubled", len(promised), lost, doubled)}
	}
	return nil
}
