package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/turquoise-db/turquoise/engines"
)

// snapshotLimit is how long one statement of a comparison, and with it its
// snapshot, may live where nothing else is configured: vacuum on a busy server
// loses a minute and no more.
const snapshotLimit = 60 * time.Second

var errCompared = errors.New("the other side is no PostgreSQL server")

// Comparer reads one server for a comparison, on a connection of its own.
type Comparer struct {
	target engines.TargetID
	cfg    *pgconn.Config
	pg     *pgconn.PgConn
	meter  engines.Meter
	known  map[string]string // statements that this session has prepared, by their text
}

var (
	_ engines.Comparer  = (*Comparer)(nil)
	_ engines.KeySummer = (*Comparer)(nil)
	_ engines.Storer    = (*Comparer)(nil)
)

// OpenComparer connects. The setting max_snapshot of the request's parameters is
// the longest time that one statement may run.
func OpenComparer(o engines.OpenRequest) (*Comparer, error) {
	cfg, err := config(o, true)
	if err != nil {
		return nil, err
	}
	limit := snapshotLimit
	if d, err := time.ParseDuration(o.Params["max_snapshot"]); err == nil && d > 0 {
		limit = d
	}
	for k, v := range map[string]string{
		"statement_timeout": strconv.FormatInt(limit.Milliseconds(), 10),
		"lc_monetary":       "C",
		// With it off a policy that would hide rows is an error, not a short answer.
		"row_security": "off",
		// How much of the server is used is decided by the number of our sessions.
		"max_parallel_workers_per_gather": "0",
		"jit":                             "off",
		// Keys are looked up by index, however many there are.
		"enable_hashjoin":  "off",
		"enable_mergejoin": "off",
	} {
		cfg.RuntimeParams[k] = v
	}
	c := &Comparer{target: o.Target, cfg: cfg, known: map[string]string{}}
	if c.pg, err = dial(o.Ctx, cfg, &c.meter); err != nil {
		return nil, &engines.Error{Op: "connect", Object: object(o.Target, cfg), Err: mask(err),
			Next: "check that the server runs and that the role may log in from here"}
	}
	return c, nil
}

// Identify asks the server who it is.
func (c *Comparer) Identify(ctx context.Context) (engines.Identity, error) {
	return identify(ctx, c.pg, c.target, c.cfg)
}

// Close ends the session.
func (c *Comparer) Close() error {
	if c.pg.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	return c.pg.Close(ctx)
}

func (c *Comparer) fail(op string, err error) error {
	e := &engines.Error{Op: op, Object: object(c.target, c.cfg), Err: mask(err)}
	var se *ServerError
	if errors.As(e.Err, &se) && se.Code == canceled {
		e.Next = "the statement was ended after the longest time a snapshot may be held; raise it, or compare fewer rows at once"
	}
	return e
}

func (c *Comparer) query(ctx context.Context, op, text string, args ...string) ([][]*string, error) {
	res, err := run(ctx, c.pg, text, args)
	if err != nil {
		return nil, c.fail(op, err)
	}
	return res.Rows, nil
}

// poll is query for what is asked again and again: the server parses and plans it once,
// which is most of what such a question costs.
func (c *Comparer) poll(ctx context.Context, op, text string, args ...string) ([][]*string, error) {
	name, ok := c.known[text]
	if !ok {
		name = "tq_" + itoa(len(c.known))
		if _, err := c.pg.Prepare(ctx, name, marked(c.pg, text), nil); err != nil {
			return nil, c.fail(op, err)
		}
		c.known[text] = name
	}
	res, err := result(c.pg.ExecPrepared(ctx, name, bytesOf(args), nil, nil).Read())
	if err != nil {
		return nil, c.fail(op, err)
	}
	return res.Rows, nil
}

// jsonNames reads a JSON list of names; no text is no list.
func jsonNames(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	var out []string
	err := json.Unmarshal([]byte(s), &out)
	return out, err
}

func source(d engines.TableDigest) string { return ident(d.Schema) + "." + ident(d.Name) + " t" }

// where is the condition of a part, and of slices of it if any are named.
func where(d engines.TableDigest, p engines.Part, n int, slices []int) string {
	var and []string
	if p.HasLow {
		and = append(and, col(d.Key[0])+" >= "+typed(p.Low, d.Types[0]))
	}
	if p.HasEnd {
		and = append(and, col(d.Key[0])+" < "+typed(p.High, d.Types[0]))
	}
	if p.Classes > 1 {
		// The upper bits divide the table, the lower ones a part.
		and = append(and, "("+d.KeyHash+" >> 40) & "+itoa(p.Classes-1)+" = "+itoa(p.Class))
	}
	if len(slices) > 0 {
		in := make([]string, len(slices))
		for i, s := range slices {
			in[i] = itoa(s)
		}
		and = append(and, slice(d, n)+" IN ("+strings.Join(in, ", ")+")")
	}
	if len(and) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(and, " AND ")
}

func slice(d engines.TableDigest, n int) string {
	if len(d.Key) == 0 {
		return "0"
	}
	return "(" + d.KeyHash + " & " + itoa(n-1) + ")::int"
}

// total is number and sum of the rows.
func total(d engines.TableDigest) string {
	if d.Strength != engines.Cryptographic {
		return "count(*), coalesce(sum(" + d.RowHash + "), 0)::text"
	}
	order := d.Order
	if order == "" {
		order = d.RowHash
	}
	return "count(*), encode(sha256(coalesce(string_agg(" + d.RowHash + ", ''::bytea ORDER BY " + order + "), ''::bytea)), 'hex')"
}

// hashText is the hash of a row as it is compared by key.
func hashText(d engines.TableDigest) string {
	if d.Strength == engines.Cryptographic {
		return "encode(" + d.RowHash + ", 'hex')"
	}
	return "(" + d.RowHash + ")::text"
}

// Sum is number and sum of the row hashes of one part.
func (c *Comparer) Sum(ctx context.Context, d engines.TableDigest, p engines.Part) (engines.Sum, error) {
	rows, err := c.query(ctx, "sum "+d.Label(), "SELECT "+total(d)+" FROM "+source(d)+where(d, p, 0, nil))
	if err != nil {
		return engines.Sum{}, err
	}
	return c.sum(d, rows[0], 0)
}

func (c *Comparer) sum(d engines.TableDigest, r []*string, at int) (engines.Sum, error) {
	s, err := engines.ReadSum(text(r, at), text(r, at+1))
	if err != nil {
		return engines.Sum{}, c.fail("sum "+d.Label(), errNumber)
	}
	return s, nil
}

// Slices divides a part into n slices by the key's hash; n is a power of two.
func (c *Comparer) Slices(ctx context.Context, d engines.TableDigest, p engines.Part, n int) (map[int]engines.Sum, error) {
	rows, err := c.query(ctx, "sum "+d.Label(), "SELECT "+slice(d, n)+", "+total(d)+" FROM "+source(d)+where(d, p, n, nil)+" GROUP BY 1")
	if err != nil {
		return nil, err
	}
	out := make(map[int]engines.Sum, len(rows))
	for _, r := range rows {
		i, err := strconv.Atoi(text(r, 0))
		if err != nil {
			return nil, c.fail("sum "+d.Label(), errNumber)
		}
		if out[i], err = c.sum(d, r, 1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Rows lists key and hash of the rows of a part.
func (c *Comparer) Rows(ctx context.Context, d engines.TableDigest, p engines.Part, n int, slices []int) ([]engines.RowHash, error) {
	if len(d.Key) == 0 {
		rows, err := c.query(ctx, "read hashes of "+d.Label(), "SELECT "+hashText(d)+", count(*) FROM "+source(d)+where(d, p, n, slices)+" GROUP BY 1")
		if err != nil {
			return nil, err
		}
		out := make([]engines.RowHash, len(rows))
		for i, r := range rows {
			out[i].Hash = text(r, 0)
			if out[i].Count, err = strconv.ParseInt(text(r, 1), 10, 64); err != nil {
				return nil, c.fail("read hashes of "+d.Label(), errNumber)
			}
		}
		return out, nil
	}
	rows, err := c.query(ctx, "read hashes of "+d.Label(), "SELECT "+keyed(d)+" FROM "+source(d)+where(d, p, n, slices))
	if err != nil {
		return nil, err
	}
	return hashes(d, rows), nil
}

// keyed selects hash, version and key of a row. xmin tells two versions of a
// row apart even if the later one has the values of the earlier one.
func keyed(d engines.TableDigest) string {
	out := hashText(d) + ", t.xmin::text"
	for _, k := range d.Key {
		out += ", " + col(k) + "::text"
	}
	return out
}

// named is keyed, but with the key as it was asked for: the stream of changes
// writes some types otherwise than a cast to text does.
func named(d engines.TableDigest) string {
	out := hashText(d) + ", t.xmin::text"
	for j := range d.Key {
		out += ", q.k" + itoa(j)
	}
	return out
}

func hashes(d engines.TableDigest, rows [][]*string) []engines.RowHash {
	out := make([]engines.RowHash, len(rows))
	for i, r := range rows {
		out[i] = engines.RowHash{Hash: text(r, 0), Version: text(r, 1), Count: 1, Key: make(engines.Key, len(d.Key))}
		for j := range d.Key {
			out[i].Key[j] = text(r, 2+j)
		}
	}
	return out
}

// Values reads whole rows as text.
func (c *Comparer) Values(ctx context.Context, d engines.TableDigest, keys []engines.Key) ([]engines.RowValues, error) {
	if len(keys) == 0 || len(d.Key) == 0 {
		return nil, nil
	}
	what := named(d)
	for _, n := range d.Columns {
		what += ", " + col(n) + "::text"
	}
	sql, args := byKey(d, keys, what)
	rows, err := c.query(ctx, "read rows of "+d.Label(), sql, args...)
	if err != nil {
		return nil, err
	}
	out := make([]engines.RowValues, len(rows))
	for i, h := range hashes(d, rows) {
		out[i] = engines.RowValues{Key: h.Key, Values: make(map[string]*string, len(d.Columns))}
		for j, n := range d.Columns {
			out[i].Values[n] = rows[i][2+len(d.Key)+j]
		}
	}
	return out, nil
}

// PID is the process of this session on the server: what it costs is measured there.
func (c *Comparer) PID() uint32 { return c.pg.PID() }
