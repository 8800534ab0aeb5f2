package command

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// Reader asks with the commands that read only.
type Reader struct {
	mu sync.Mutex // one question at a time: preflight asks while the gauges tick
	c  *Conn
}

var _ engines.Reader = (*Reader)(nil)

var errClients = errors.New("a command lists no clients; the databases list theirs")

// OpenReader opens a reader.
func OpenReader(o engines.OpenRequest) (*Reader, error) {
	c, err := Open(o)
	if err != nil {
		return nil, err
	}
	return &Reader{c: c}, nil
}

// Identify names the executables.
func (r *Reader) Identify(ctx context.Context) (engines.Identity, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.c.Identify(ctx)
}

// Close has nothing to end.
func (r *Reader) Close() error { return nil }

// Clients says that nobody can say.
func (r *Reader) Clients(context.Context, engines.Scope) ([]engines.ClientGroup, error) {
	return nil, &engines.Error{Op: "list clients", Object: r.c.object(), Err: errClients}
}

// health runs a side's health command: "yes", or "no" when it says so.
func (r *Reader) health(ctx context.Context, side engines.TargetID) (string, error) {
	argv := r.c.cmds.health[side]
	if len(argv) == 0 {
		return "", errors.New("the target names no health command")
	}
	ctx, cancel := context.WithTimeout(ctx, statusLimit)
	defer cancel()
	_, _, err := r.c.runner.run(ctx, argv, "")
	var ke *engines.KnownError
	switch {
	case err == nil:
		return "yes", nil
	case errors.As(err, &ke) && ke.Outcome == engines.Unsent, ctx.Err() != nil:
		return "", err // it could not look
	}
	return "no", nil
}

// Gauges reads all gauges of the router.
func (r *Reader) Gauges(ctx context.Context, in engines.Scope) []engines.Reading {
	r.mu.Lock()
	defer r.mu.Unlock()
	start := time.Now()
	st, err := r.c.status(ctx)
	health := map[engines.TargetID]string{}
	herr := map[engines.TargetID]error{}
	for _, side := range []engines.TargetID{"blue", "green"} {
		health[side], herr[side] = r.health(ctx, side)
	}
	at, took := time.Now(), time.Since(start)
	g := func(name string, unit engines.Unit, err error) engines.Reading {
		return engines.Reading{Gauge: engines.Gauge(in.On, name), At: at, Took: took, Unit: unit, Err: err}
	}
	side, paused, nodes := g("serves_side", engines.Bool, err), g("paused_count", engines.Count, err), g("nodes_count", engines.Count, err)
	if err == nil {
		side.Text, paused.Value, nodes.Value = strings.TrimSuffix(st.where(), ", held"), st.held(), float64(len(st.Nodes))
	}
	blue, green := g("blue_health", engines.Bool, herr["blue"]), g("green_health", engines.Bool, herr["green"])
	blue.Text, green.Text = health["blue"], health["green"]
	return []engines.Reading{side, paused, nodes, blue, green}
}

// Inspect asks whether the commands are fit to be run.
func (r *Reader) Inspect(ctx context.Context, in engines.Scope) []engines.Finding {
	r.mu.Lock()
	defer r.mu.Unlock()
	where := engines.Finding{Title: "all traffic goes to the side with the writes, nobody is held", Want: string(in.From), Level: engines.Pass,
		Cause: "the way back is where traffic goes now; mixed nodes have none"}
	if st, err := r.c.status(ctx); err != nil {
		where.Level, where.Is, where.Next = engines.Blind, "unknown: "+err.Error(), "run the status command by hand"
	} else if where.Is = st.where(); where.Is != where.Want {
		where.Level, where.Next = engines.Block, "bring every node to the side with the writes first"
	}
	out := []engines.Finding{where, r.filesFinding(), r.healthFinding(ctx)}
	for i := range out {
		out[i].ID, out[i].Target = "G15", in.On
	}
	return out
}

// filesFinding: what everybody may write, everybody may have us run.
func (r *Reader) filesFinding() engines.Finding {
	f := engines.Finding{Title: "only their owners may change the commands", Want: "not writable for others", Level: engines.Pass, Is: "yes",
		Cause: "an executable that others may write is what they make of it; the plan names its sum, but not who wrote it"}
	for _, path := range r.c.cmds.all {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			f.Level, f.Is, f.Next = engines.Blind, "unknown: "+engines.Clean(err.Error()), "put the executable where the target's params say"
			return f
		case info.Mode().Perm()&0o022 != 0:
			f.Level, f.Is, f.Next = engines.Block, path+" is writable for its group or everybody", "chmod go-w "+path
			return f
		}
	}
	return f
}

func (r *Reader) healthFinding(ctx context.Context) engines.Finding {
	f := engines.Finding{Title: "both sides are healthy, as the commands see it", Want: "yes, yes", Level: engines.Pass,
		Cause: "nothing else looks at the path between the router and the other side before traffic goes there"}
	if len(r.c.cmds.health["green"]) == 0 {
		f.Level, f.Is, f.Next = engines.Caution, "the target names no health command", "name health_blue and health_green"
		return f
	}
	var is []string
	for _, side := range []engines.TargetID{"blue", "green"} {
		w, err := r.health(ctx, side)
		if err != nil {
			f.Level, f.Is, f.Next = engines.Blind, "unknown: "+err.Error(), "run the health command by hand"
			return f
		}
		is = append(is, w)
	}
	if f.Is = strings.Join(is, ", "); f.Is != f.Want {
		f.Level, f.Next = engines.Block, "mend the side that is not healthy"
	}
	return f
}
