package mysql

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// roleCompare is the session of a comparison.
const roleCompare = "compare"

// snapshotLimit is how long one statement of a comparison, and with it its
// snapshot, may live where nothing else is configured: purge on a busy server is
// held up a minute and no more.
const snapshotLimit = 60 * time.Second

var (
	errCompared = errors.New("the other side is no MySQL or MariaDB server")
	errCut      = errors.New("the hashes of a part are longer than max_allowed_packet")
	errUnlogged = errors.New("the server keeps no binary log")
	errKey      = errors.New("a row came back under another key than it was asked for")
)

// Comparer reads one server for a comparison, on a connection of its own.
type Comparer struct {
	*link
	uuid, serverID string // of the server, once they were asked for
}

var (
	_ engines.Comparer = (*Comparer)(nil)
	_ engines.Progress = (*Comparer)(nil)
)

// OpenComparer connects. The setting max_snapshot of the request's parameters is
// the longest time that one statement may run.
func OpenComparer(o engines.OpenRequest) (*Comparer, error) {
	o.Role = roleCompare
	l, err := dial(o.Ctx, o)
	if err != nil {
		return nil, unreachable("connect", o, l, err)
	}
	l.mark = compareMark
	limit := snapshotLimit
	if d, err := time.ParseDuration(o.Params["max_snapshot"]); err == nil && d > 0 {
		limit = d
	}
	if err := l.limitTo(o.Ctx, limit); err != nil {
		return nil, unreachable("set the time limit", o, l, errors.Join(err, l.close()))
	}
	return &Comparer{link: l}, nil
}

// compareMark is in front of every statement of a comparison: the load that it
// makes itself is told from others' by it.
const compareMark = tagMark + "g=" + roleCompare + " */ "

// Identify asks the server who it is.
func (c *Comparer) Identify(ctx context.Context) (engines.Identity, error) { return c.identify(ctx) }

// Close ends the session.
func (c *Comparer) Close() error { return c.close() }

// ID is the number of this session on the server: what it costs is measured there.
func (c *Comparer) ID() string { return c.id }

func (c *Comparer) fail(op string, err error) error {
	e := &engines.Error{Op: op, Object: c.object(), Err: mask(err)}
	var se *ServerError
	if errors.As(e.Err, &se) && (se.Number == 3024 || se.Number == 1969) {
		e.Next = "the statement was ended after the longest time a snapshot may be held; raise it, or compare fewer rows at once"
	}
	return e
}

func (c *Comparer) query(ctx context.Context, op, text string) ([][]*string, error) {
	res, err := c.run(ctx, text)
	if err != nil {
		return nil, c.fail(op, err)
	}
	return res.Rows, nil
}

func table(d engines.TableDigest) string { return ident(d.Schema) + "." + ident(d.Name) }

func from(d engines.TableDigest) string { return " FROM " + table(d) + " t" }

// where is the condition of a part, and of slices of it if any are named.
func where(d engines.TableDigest, p engines.Part, n int, slices []int) string {
	var and []string
	if p.HasLow {
		and = append(and, col(d.Key[0])+" >= "+keyLiteral(p.Low, d.Types[0]))
	}
	if p.HasEnd {
		and = append(and, col(d.Key[0])+" < "+keyLiteral(p.High, d.Types[0]))
	}
	if p.Classes > 1 {
		// The upper bits divide the table, the lower ones a part.
		and = append(and, "("+d.KeyHash+" >> 24) & "+strconv.Itoa(p.Classes-1)+" = "+strconv.Itoa(p.Class))
	}
	if len(slices) > 0 {
		in := make([]string, len(slices))
		for i, s := range slices {
			in[i] = strconv.Itoa(s)
		}
		and = append(and, slice(d, n)+" IN ("+strings.Join(in, ", ")+")")
	}
	if len(and) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(and, " AND ")
}

func slice(d engines.TableDigest, n int) string {
	return "(" + d.KeyHash + " & " + strconv.Itoa(n-1) + ")"
}

// total is number and sum of the rows. Rows with a key are all different, so the
// sum may be an exclusive or: of all 256 bits where the server can do that, of 64
// else. Equal rows would cancel in it: without a key it is a sum of numbers.
func (c *Comparer) total(d engines.TableDigest) string {
	switch {
	case len(d.Key) == 0:
		return "COUNT(*), COALESCE(SUM(" + leading(d.RowHash, 16) + "), 0)"
	case c.d.maria || !c.d.v.least(8, 0, 0):
		return "COUNT(*), BIT_XOR(" + leading(d.RowHash, 16) + ")"
	}
	return "COUNT(*), HEX(BIT_XOR(UNHEX(" + d.RowHash + ")))"
}

// Sum is number and sum of the row hashes of one part.
func (c *Comparer) Sum(ctx context.Context, d engines.TableDigest, p engines.Part) (engines.Sum, error) {
	if d.Strength == engines.Cryptographic {
		return c.fold(ctx, d, p)
	}
	rows, err := c.query(ctx, "sum "+d.Label(), "SELECT "+c.total(d)+from(d)+where(d, p, 0, nil))
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

// fold is the cryptographic sum of a part. The server cuts a text that is larger
// than a packet and says nothing, so the length is read too; a part that is too
// large is summed in slices.
func (c *Comparer) fold(ctx context.Context, d engines.TableDigest, p engines.Part) (engines.Sum, error) {
	for n := 1; n <= 1<<16; n *= 256 {
		parts, err := c.Slices(ctx, d, p, n)
		if errors.Is(err, errCut) {
			continue
		}
		if err != nil {
			return engines.Sum{}, err
		}
		var out engines.Sum
		h := sha256.New()
		for _, i := range slices.Sorted(maps.Keys(parts)) {
			out.Count += parts[i].Count
			fmt.Fprintln(h, i, parts[i].Count, parts[i].Hash)
		}
		out.Hash = hex.EncodeToString(h.Sum(nil))
		return out, nil
	}
	return engines.Sum{}, c.fail("sum "+d.Label(), errCut)
}

// Slices divides a part into n slices by the key's hash; n is a power of two.
func (c *Comparer) Slices(ctx context.Context, d engines.TableDigest, p engines.Part, n int) (map[int]engines.Sum, error) {
	sql := "SELECT " + slice(d, n) + ", " + c.total(d) + from(d) + where(d, p, n, nil) + " GROUP BY 1"
	if d.Strength == engines.Cryptographic {
		sql = "SELECT s, n, SHA2(g, 256), LENGTH(g) = n * 64 FROM (SELECT " + slice(d, n) + " AS s, COUNT(*) AS n, GROUP_CONCAT(" + d.RowHash +
			" ORDER BY " + d.Order + " SEPARATOR '') AS g" + from(d) + where(d, p, n, nil) + " GROUP BY 1) x"
	}
	rows, err := c.query(ctx, "sum "+d.Label(), sql)
	if err != nil {
		return nil, err
	}
	out := make(map[int]engines.Sum, len(rows))
	for _, r := range rows {
		i, err := strconv.Atoi(text(r, 0))
		if err != nil {
			return nil, c.fail("sum "+d.Label(), errNumber)
		}
		if len(r) > 3 && text(r, 3) != "1" {
			return nil, c.fail("sum "+d.Label(), errCut)
		}
		if out[i], err = c.sum(d, r, 1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Rows lists key and hash of the rows of a part.
func (c *Comparer) Rows(ctx context.Context, d engines.TableDigest, p engines.Part, n int, slices []int) ([]engines.RowHash, error) {
	op := "read hashes of " + d.Label()
	if len(d.Key) > 0 {
		rows, err := c.query(ctx, op, "SELECT "+keyed(d)+from(d)+where(d, p, n, slices))
		return hashes(d, rows), err
	}
	rows, err := c.query(ctx, op, "SELECT "+d.RowHash+", COUNT(*)"+from(d)+where(d, p, n, slices)+" GROUP BY 1")
	if err != nil {
		return nil, err
	}
	out := make([]engines.RowHash, len(rows))
	for i, r := range rows {
		out[i].Hash = text(r, 0)
		if out[i].Count, err = strconv.ParseInt(text(r, 1), 10, 64); err != nil {
			return nil, c.fail(op, errNumber)
		}
	}
	return out, nil
}

// keyed selects hash and key of a row. The server tells no versions of a row.
func keyed(d engines.TableDigest) string {
	out := d.RowHash
	for i, k := range d.Key {
		out += ", " + written(k, d.Types[i])
	}
	return out
}

func hashes(d engines.TableDigest, rows [][]*string) []engines.RowHash {
	out := make([]engines.RowHash, len(rows))
	for i, r := range rows {
		out[i] = engines.RowHash{Hash: text(r, 0), Count: 1, Key: make(engines.Key, len(d.Key))}
		for j := range d.Key {
			out[i].Key[j] = text(r, 1+j)
		}
	}
	return out
}

// keysAsked is how many values of keys one statement names: more, and the server
// would look for another way than the index.
const keysAsked = 900

// byKey asks for the rows of keys, some at a time.
func (c *Comparer) byKey(ctx context.Context, op, what string, d engines.TableDigest, keys []engines.Key) ([][]*string, error) {
	var out [][]*string
	for some := range slices.Chunk(keys, max(keysAsked/max(len(d.Key), 1), 1)) {
		rows, err := c.query(ctx, op, "SELECT "+what+from(d)+" WHERE "+among(d, some))
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	return out, nil
}

// among is the condition of a row that has one of the keys.
func among(d engines.TableDigest, keys []engines.Key) string {
	each := make([]string, len(keys))
	for i, k := range keys {
		if len(d.Key) == 1 {
			each[i] = keyLiteral(k[0], d.Types[0])
		} else {
			each[i] = "(" + matches(d, k) + ")"
		}
	}
	if len(d.Key) == 1 {
		return col(d.Key[0]) + " IN (" + strings.Join(each, ", ") + ")"
	}
	return strings.Join(each, " OR ")
}

func matches(d engines.TableDigest, k engines.Key) string {
	and := make([]string, len(d.Key))
	for j, n := range d.Key {
		and[j] = col(n) + " = " + keyLiteral(k[j], d.Types[j])
	}
	return strings.Join(and, " AND ")
}

// ByKey lists key and hash of the rows that have one of the keys. A collation may
// hold other texts for equal: such a row comes under its own key.
func (c *Comparer) ByKey(ctx context.Context, d engines.TableDigest, keys []engines.Key) ([]engines.RowHash, error) {
	op := "read rows of " + d.Label() + " by key"
	rows, err := c.byKey(ctx, op, keyed(d), d, keys)
	if err != nil {
		return nil, err
	}
	out := hashes(d, rows)
	if slices.ContainsFunc(d.Types, func(k string) bool { return k == kindText || k == kindLong || k == kindLabel }) {
		return out, nil
	}
	// A key that is written in two ways would be missing on both sides, and so
	// equal: that must not pass.
	asked := make(map[string]bool, len(keys))
	for _, k := range keys {
		asked[strings.Join(k, "\x00")] = true
	}
	for _, r := range out {
		if !asked[strings.Join(r.Key, "\x00")] {
			return nil, c.fail(op, errKey)
		}
	}
	return out, nil
}

// Values reads whole rows as text.
func (c *Comparer) Values(ctx context.Context, d engines.TableDigest, keys []engines.Key) ([]engines.RowValues, error) {
	if len(keys) == 0 || len(d.Key) == 0 {
		return nil, nil
	}
	what := keyed(d)
	for i, n := range d.Columns {
		what += ", " + written(n, d.Kinds[i])
	}
	rows, err := c.byKey(ctx, "read rows of "+d.Label(), what, d, keys)
	if err != nil {
		return nil, err
	}
	out := make([]engines.RowValues, len(rows))
	for i, h := range hashes(d, rows) {
		out[i] = engines.RowValues{Key: h.Key, Values: make(map[string]*string, len(d.Columns))}
		for j, n := range d.Columns {
			out[i].Values[n] = rows[i][1+len(d.Key)+j]
		}
	}
	return out, nil
}
