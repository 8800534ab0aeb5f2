package pgbouncer

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// From 16 on PostgreSQL reports the setting scram_iterations. From 1.26 on the
// pooler keeps what it was told, sets it on every client that logs in, and sets it
// again on whatever server the client gets. A server before 16 does not know the
// setting, and the pooler then refuses the client with "invalid server parameter":
// every one that logged in while the newer server was behind it, and every new
// one, until the pooler is restarted. 1.18 does neither.
const (
	reportsFrom = 16
	keepsFrom   = 26 // of 1.x
)

// poisoned reports whether the pooler would carry the setting from a newer server
// to an older one.
func poisoned(pooler string, from, to int) bool {
	v := strings.Split(pooler, ".")
	if len(v) < 2 {
		return false
	}
	major, err := strconv.Atoi(v[0])
	minor, merr := strconv.Atoi(v[1])
	if err != nil || merr != nil || major < 1 || major == 1 && minor < keepsFrom {
		return false
	}
	return from >= reportsFrom && to > 0 && to < reportsFrom
}

// forget drops the pooler's pools with all they were told. KILL keeps the database
// paused; clients lose their connection once, with no transaction under way, and
// wait again as soon as they are back.
func forget(r engines.Request, ms []move) []engines.Action {
	if !poisoned(r.Known[r.On].Version, r.Known[r.From].Major, r.Known[r.To].Major) {
		return nil
	}
	var as []engines.Action
	for _, m := range ms {
		if m.name == "*" {
			continue
		}
		as = append(as, engines.Action{Target: r.On, Verb: engines.SQL,
			Title: "make the pooler forget the settings of " + string(r.From) + " (" + m.name + "): clients reconnect once",
			Text:  `KILL "` + m.name + `"`, Proof: shown(r, m.name, m.name+" is paused and without server connections", "1 / 0", "paused", "current_connections")})
	}
	return as
}

// wayBackParameters warns of a way back that costs every client a connection.
func (r *Reader) wayBackParameters(ctx context.Context, in engines.Scope) engines.Finding {
	f := engines.Finding{Title: "clients survive the way back", Want: "both sides before 16, or both from 16 on, or a pooler before 1.26",
		Cause: "the pooler would set what the newer server told it (scram_iterations) on the older one, and refuse the client; the way back makes it forget, which ends every client's connection once"}
	blindly := func(what, next string) engines.Finding {
		f.Is, f.Next = "unknown: "+what, next
		return f
	}
	own, err := r.Identify(ctx)
	if err != nil {
		return blindly(err.Error(), "see whether the pooler answers, then check again")
	}
	var majors []int
	for _, side := range []engines.TargetID{in.From, in.To} {
		peer := in.Peer[side]
		if peer == nil {
			return blindly(string(side)+" is not connected", "connect both sides, then check again")
		}
		id, err := peer.Identify(ctx)
		if err != nil {
			return blindly(err.Error(), "connect both sides, then check again")
		}
		majors = append(majors, id.Major)
	}
	f.Level, f.Is = engines.Pass, fmt.Sprintf("%s %d, %s %d, pooler %s", in.From, majors[0], in.To, majors[1], own.Version)
	if poisoned(own.Version, majors[1], majors[0]) {
		f.Level, f.Next = engines.Caution, "make sure that the applications connect again by themselves; no restart of the pooler is needed"
	}
	return f
}
