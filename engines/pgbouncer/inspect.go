package pgbouncer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// Inspect asks whether a PAUSE can work and whether we can move the pooler.
func (r *Reader) Inspect(ctx context.Context, in engines.Scope) []engines.Finding {
	dbs, derr := r.show(ctx, "DATABASES")
	cfg, cerr := r.show(ctx, "CONFIG")
	db := in.Params["router_database"]
	if db == "" {
		db = "app"
	}
	out := []engines.Finding{
		poolMode(dbs, derr, cfg, cerr, db), paused(dbs, derr), r.pausedWhole(ctx), processes(cfg, cerr), extraLogins(dbs, derr),
		waitTimeout(cfg, cerr, in.Params["budget"]), loginRetry(cfg, cerr), r.fileFinding(),
		r.wayBackParameters(ctx, in),
	}
	for i := range out {
		out[i].ID, out[i].Target = "G15", in.On
	}
	return out
}

func blind(f engines.Finding, err error) engines.Finding {
	f.Level, f.Is = engines.Blind, "unknown: "+err.Error()
	f.Next = "check that our role stands in admin_users or stats_users of the pooler"
	return f
}

func poolMode(t table, err error, cfg table, cerr error, db string) engines.Finding {
	f := engines.Finding{Title: "pooling mode of " + db, Want: "transaction or statement",
		Cause: "in session mode PAUSE waits for clients to disconnect, with application pools for ever"}
	if err != nil {
		return blind(f, err)
	}
	i := slices.IndexFunc(t.rows, func(row []*string) bool { n, _ := t.text(row, "name"); return n == db })
	if i < 0 {
		f.Level, f.Is, f.Next = engines.Block, "the pooler has no database "+db, "set router_database to the name the applications connect to"
		return f
	}
	mode, ok := t.text(t.rows[i], "pool_mode")
	if !ok { // none of its own: the pooler's
		if cerr != nil {
			return blind(f, cerr)
		}
		if mode, err = cfg.setting("pool_mode"); err != nil {
			return blind(f, err)
		}
	}
	switch mode {
	case "session":
		f.Level, f.Next = engines.Block, "change pool_mode to transaction, days before the window"
	default:
		f.Level = engines.Pass
	}
	f.Is = mode
	return f
}

func paused(t table, err error) engines.Finding {
	f := engines.Finding{Title: "nothing is paused", Want: "0",
		Cause: "a pause that somebody left behind keeps clients waiting, and would be taken for ours"}
	if err != nil {
		return blind(f, err)
	}
	n, err := t.sum("name", "paused")
	if err != nil {
		return blind(f, err)
	}
	f.Level, f.Is = engines.Pass, strconv.Itoa(int(n))
	if n != 0 {
		f.Level, f.Next = engines.Block, "find out who paused it, then RESUME each database by name"
	}
	return f
}

// pausedWhole: a PAUSE without a name shows in no row of SHOW DATABASES, and a
// RESUME by name does not lift it. Only SHOW STATE tells, and old versions lack it;
// there our own PAUSE is refused as long as it stands.
func (r *Reader) pausedWhole(ctx context.Context) engines.Finding {
	f := engines.Finding{Title: "the pooler as a whole is not paused", Want: "no",
		Cause: "a PAUSE without a name keeps the clients of every database waiting, and RESUME by name does not end it"}
	t, err := r.show(ctx, "STATE")
	var se *serverError
	if errors.As(err, &se) {
		f.Level, f.Is = engines.Info, "not told by this version; our PAUSE is refused while it is"
		return f
	}
	if err != nil {
		return blind(f, err)
	}
	for _, row := range t.rows {
		key, _ := t.text(row, "key")
		v, _ := t.text(row, "value")
		switch {
		case key == "active" && v != "yes":
			f.Level, f.Is, f.Next = engines.Block, "active: "+v, "find out who paused or suspended it, then RESUME without a name"
			return f
		case key == "active":
			f.Level, f.Is = engines.Pass, "no"
		}
	}
	if f.Is == "" {
		return blind(f, errors.New("SHOW STATE has no row active"))
	}
	return f
}

// processes: several processes may share one port, and a command reaches the one
// that took our connection.
func processes(t table, err error) engines.Finding {
	f := engines.Finding{Title: "one process answers on the port", Want: "so_reuseport 0, no peer_id",
		Cause: "with several processes on one port PAUSE reaches one of them; clients of the others go on writing"}
	if err != nil {
		return blind(f, err)
	}
	shared, err := t.setting("so_reuseport")
	if err != nil {
		return blind(f, err)
	}
	peer, err := t.setting("peer_id")
	if err != nil { // versions before 1.19 know no peers
		peer = "0"
	}
	f.Level, f.Is = engines.Pass, "so_reuseport "+shared+", peer_id "+peer
	if shared != "0" || peer != "0" {
		f.Level, f.Next = engines.Block, "run one process for the window, or let Turquoise switch another kind of router: it does not switch several processes of one pooler"
	}
	return f
}

// extraLogins: for a pool that shall keep a number of connections the pooler logs
// in to the server even while the database is paused, ends that login at once, and
// takes it for a failed one.
func extraLogins(t table, err error) engines.Finding {
	f := engines.Finding{Title: "no login to the server while clients are held", Want: "min_pool_size 0 everywhere",
		Cause: "a login that a PAUSE ends counts as failed: for server_login_retry after RESUME the pooler begins no other and refuses queries"}
	if err != nil {
		return blind(f, err)
	}
	if !slices.Contains(t.columns, "min_pool_size") { // told from 1.16 on
		f.Level, f.Is = engines.Info, "not told by this version; look at min_pool_size in its file"
		return f
	}
	n, err := t.sum("name", "min_pool_size")
	if err != nil {
		return blind(f, err)
	}
	f.Level, f.Is = engines.Pass, strconv.Itoa(int(n))
	if n > 0 {
		f.Level, f.Next = engines.Caution, "set min_pool_size to 0 for the night and RELOAD"
	}
	return f
}

func waitTimeout(t table, err error, budget string) engines.Finding {
	f := engines.Finding{Title: "clients wait long enough", Want: "query_wait_timeout at least twice the budget, not 0",
		Cause: "clients that wait longer than query_wait_timeout lose their connection with an error; with 0 they wait for ever"}
	if err != nil {
		return blind(f, err)
	}
	text, err := t.setting("query_wait_timeout")
	if err != nil {
		return blind(f, err)
	}
	have, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return blind(f, err)
	}
	b, err := time.ParseDuration(budget)
	if err != nil {
		b = 20 * time.Second
	}
	f.Level, f.Is = engines.Pass, text+" s"
	if have == 0 || have < 2*b.Seconds() {
		f.Level, f.Next = engines.Block, fmt.Sprintf("set query_wait_timeout to %.0f in the pooler's file and RELOAD", 2*b.Seconds())
	}
	return f
}

func loginRetry(t table, err error) engines.Finding {
	f := engines.Finding{Title: "a cold pool retries soon", Want: "server_login_retry at most 0.1",
		Cause: "PAUSE closes a server login that is under way, and the pooler takes that for a failed one: for so long after RESUME it begins no other, and refuses queries of clients that had not been waiting"}
	if err != nil {
		return blind(f, err)
	}
	text, err := t.setting("server_login_retry")
	if err != nil {
		return blind(f, err)
	}
	have, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return blind(f, err)
	}
	f.Level, f.Is = engines.Pass, text+" s"
	if have > 0.1 {
		f.Level, f.Next = engines.Caution, "set server_login_retry = 0.1 in the pooler's file and RELOAD"
	}
	return f
}

func (r *Reader) fileFinding() engines.Finding {
	f := engines.Finding{Title: "we may write the pooler's file", Want: "writable, with the entries of [databases] in it",
		Cause: "the switch is a line of this file; without it traffic cannot be moved"}
	if r.c.file == "" {
		f.Level, f.Is, f.Next = engines.Block, "the target names no file", "set the parameter file of the target to the pooler's ini file"
		return f
	}
	// Opened for writing and closed again: nothing is written.
	h, err := os.OpenFile(r.c.file, os.O_RDWR, 0)
	if err == nil {
		err = h.Close()
	}
	if err == nil {
		_, err = runFile(instruction{verb: "read", path: r.c.file}.String(), r.c.file)
	}
	f.Level, f.Is = engines.Pass, r.c.file
	if err != nil {
		f.Level, f.Is, f.Next = engines.Block, err.Error(), "run turquoise where the file is, as somebody who may write it and its folder"
	}
	return f
}
