package mysql

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/turquoise-db/turquoise/engines"
)

// A position is the number of a file and a place in it, in one number that grows
// with the log.
const offsetBits = 1<<36 - 1

func pack(file int, at uint64) uint64 { return uint64(file)<<36 | at&offsetBits }

// decoder turns events into transactions, and keeps of them which rows were
// written.
type decoder struct {
	own    uint32 // number of the server itself
	base   string // of its files' names
	digits int
	tables map[string]*trackedTable

	at       uint64 // behind the last event that was told
	outer    uint64 // end of the compressed transaction whose events are being read
	open     bool   // a transaction has begun
	explicit bool   // by BEGIN: statements do not end it
	tx       engines.Transaction
	prepared []engines.RowChange // rows of prepared transactions that have not ended
	prepares int
}

// name learns how the files of the log are called.
func (d *decoder) name(file string) error {
	i := strings.LastIndexByte(file, '.')
	if fileNumber(file) < 0 {
		return errNumber
	}
	d.base, d.digits = file[:i+1], len(file)-i-1
	return nil
}

func (d *decoder) file(position uint64) string {
	return fmt.Sprintf("%s%0*d", d.base, d.digits, position>>36)
}

// event takes one event; ok says that a transaction is whole, or that there is
// word of a position.
func (d *decoder) event(e *replication.BinlogEvent) (tx engines.Transaction, ok bool, err error) {
	h := e.Header
	switch h.EventType {
	case replication.INCIDENT_EVENT:
		return tx, false, errIncident
	case replication.XA_PREPARE_LOG_EVENT:
		return d.prepare(e)
	}
	switch ev := e.Event.(type) {
	case *replication.RotateEvent:
		d.at = pack(fileNumber(string(ev.NextLogName)), ev.Position)
		d.open = false
		return engines.Transaction{Position: d.at}, true, nil
	case *replication.GTIDEvent, *replication.MariadbGTIDEvent:
		d.begin(h)
		return tx, false, nil
	case *replication.QueryEvent:
		return d.query(h, string(ev.Query))
	case *replication.RowsEvent:
		d.rows(h, ev)
		return tx, false, nil
	case *replication.ExecuteLoadQueryEvent: // LOAD DATA of a session that logs statements
		d.everything()
		return tx, false, nil
	case *replication.XIDEvent:
		tx, ok = d.end(h)
		return tx, ok, nil
	case *replication.TransactionPayloadEvent:
		return d.payload(h, ev)
	}
	if d.open || h.LogPos == 0 {
		return tx, false, nil
	}
	d.at = max(d.at, d.place(uint64(h.LogPos)))
	return engines.Transaction{Position: d.at}, true, nil
}

// place is a position in the file that is being read. An event has 32 bits for it,
// and a file may grow beyond them: one that seems to lie far back lies ahead.
func (d *decoder) place(at uint64) uint64 {
	for at+1<<31 < d.at&offsetBits {
		at += 1 << 32
	}
	return pack(int(d.at>>36), at)
}

// begin opens a transaction at the event that names it: a log that is read again
// from there tells it again.
func (d *decoder) begin(h *replication.EventHeader) {
	before := d.at
	if h.LogPos > h.EventSize {
		before = d.place(uint64(h.LogPos) - uint64(h.EventSize))
	}
	d.tx, d.open, d.explicit = engines.Transaction{Before: before}, true, false
	if h.ServerID != d.own {
		d.tx.Origin = "server " + strconv.FormatUint(uint64(h.ServerID), 10)
	}
}

// end closes the transaction at an event.
func (d *decoder) end(h *replication.EventHeader) (engines.Transaction, bool) {
	if d.outer > 0 {
		return engines.Transaction{}, false // its position is that of the whole
	}
	if h.LogPos > 0 {
		d.at = d.place(uint64(h.LogPos))
	}
	d.tx.Position, d.open, d.explicit = d.at, false, false
	return d.tx, true
}

// payload is a compressed transaction: its events have no positions of their own.
func (d *decoder) payload(h *replication.EventHeader, p *replication.TransactionPayloadEvent) (tx engines.Transaction, ok bool, err error) {
	if !d.open {
		d.begin(h)
	}
	d.outer = uint64(h.LogPos)
	for _, e := range p.Events {
		if _, _, err := d.event(e); err != nil {
			return tx, false, err
		}
	}
	d.outer = 0
	tx, ok = d.end(h)
	return tx, ok, nil
}

// prepare is the end of the first half of an XA transaction. Its rows show when
// it is committed, and that event does not name them again. One that is committed
// at once is an ordinary commit.
func (d *decoder) prepare(e *replication.BinlogEvent) (engines.Transaction, bool, error) {
	if g, ok := e.Event.(*replication.GenericEvent); !ok || len(g.Data) == 0 || g.Data[0] == 0 {
		d.prepared = append(d.prepared, d.tx.Rows...)
		d.prepares++
		d.tx.Rows = nil
	}
	tx, ok := d.end(e.Header)
	return tx, ok, nil
}

// query reads a statement of the log: what begins and ends transactions, and what
// changes tables without naming rows.
func (d *decoder) query(h *replication.EventHeader, text string) (tx engines.Transaction, ok bool, err error) {
	if !d.open {
		d.begin(h)
	}
	w := words(text, 3)
	switch {
	case w[0] == "begin" || w[0] == "xa" && w[1] == "start":
		d.explicit = true
		return tx, false, nil
	case w[0] == "savepoint", w[0] == "rollback" && w[1] == "to", w[0] == "release", w[0] == "xa" && w[1] == "end":
		return tx, false, nil
	case w[0] == "xa" && (w[1] == "commit" || w[1] == "rollback"):
		d.settle()
	case w[0] == "commit", w[0] == "rollback":
	default:
		d.statement(text, w)
		if d.explicit || strings.Contains(strings.ToLower(text), "start transaction") {
			return tx, false, nil
		}
	}
	tx, ok = d.end(h)
	return tx, ok, nil
}

// settle is the end of a prepared transaction. Which one it is, is not kept: the
// rows of all of them count as written. One that was prepared before the log was
// read may have written anything.
func (d *decoder) settle() {
	if d.prepares == 0 {
		d.everything()
		return
	}
	d.tx.Rows = append(d.tx.Rows, d.prepared...)
	if d.prepares--; d.prepares == 0 {
		d.prepared = nil
	}
}

// everything says that any row may have been written.
func (d *decoder) everything() {
	for n := range d.tables {
		d.tx.Add(engines.RowChange{Table: n})
	}
}

// quiet statements change no rows, whichever tables they name.
var quiet = []string{"analyze", "flush", "grant", "revoke", "set", "check", "optimize", "comment"}

// makes are things whose making or dropping changes no rows.
var makes = []string{"view", "trigger", "procedure", "function", "event", "user", "role", "index", "unique", "definer", "algorithm", "sql", "server", "fulltext", "spatial"}

// statement says what a statement may have done to the tables it names. It is not
// parsed: one that is only named there is compared once more for nothing.
func (d *decoder) statement(text string, w []string) {
	what := w[1]
	if what == "or" {
		what = w[2]
		if all := words(text, 4); what == "replace" {
			what = all[3]
		}
	}
	switch {
	case slices.Contains(quiet, w[0]), slices.Contains([]string{"create", "drop", "alter"}, w[0]) && slices.Contains(makes, what):
		return
	case slices.Contains([]string{"insert", "update", "delete", "replace", "load", "call", "do"}, w[0]):
		d.everything() // a statement, and its triggers, may write anywhere
		return
	}
	for n, t := range d.tables {
		whole := (w[1] == "database" || w[1] == "schema") && mentions(text, t.digest.Schema)
		if !whole && !mentions(text, t.digest.Name) {
			continue
		}
		if w[0] == "truncate" {
			d.tx.Truncated = append(d.tx.Truncated, n)
			continue
		}
		d.tx.Reshaped = append(d.tx.Reshaped, n)
		t.key = nil // where the key's columns are is not known any more
	}
}

// words are the first words of a statement in lower case, comments passed over.
func words(text string, n int) []string {
	for {
		text = strings.TrimLeft(text, " \t\r\n;(")
		if !strings.HasPrefix(text, "/*") && !strings.HasPrefix(text, "-- ") && !strings.HasPrefix(text, "#") || strings.HasPrefix(text, "/*!") {
			break
		}
		if text[0] == '#' {
			_, text, _ = strings.Cut(text, "\n")
			continue
		}
		text = text[skip(text, 0):]
	}
	out := strings.FieldsFunc(strings.ToLower(text[:min(len(text), 200)]), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' })
	for len(out) < n {
		out = append(out, "")
	}
	return out
}

// mentions reports whether a name stands in a text by itself.
func mentions(text, name string) bool {
	text, name = strings.ToLower(text), strings.ToLower(name)
	part := func(c byte) bool {
		return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 0x80
	}
	for from := 0; ; {
		i := strings.Index(text[from:], name)
		if i < 0 {
			return false
		}
		i += from
		end := i + len(name)
		if (i == 0 || !part(text[i-1])) && (end == len(text) || !part(text[end])) {
			return true
		}
		from = i + 1
	}
}

// rows keeps the keys of the rows of an event.
func (d *decoder) rows(h *replication.EventHeader, e *replication.RowsEvent) {
	if !d.open {
		d.begin(h)
	}
	name := string(e.Table.Schema) + "." + string(e.Table.Table)
	if name == ControlSchema+".fence" {
		d.token(e)
		return
	}
	t := d.tables[name]
	if t == nil {
		return
	}
	var before engines.Key
	update := e.Type() == replication.EnumRowsEventTypeUpdate
	for i, row := range e.Rows {
		k, known := t.keyOf(row, at(e.SkippedColumns, i))
		after := update && i%2 == 1
		switch {
		case after && known && (k == nil || slices.Equal(k, before)): // the key did not change, and is not told twice
		case known && k != nil:
			d.tx.Add(engines.RowChange{Table: name, Key: k})
		default:
			d.tx.Add(engines.RowChange{Table: name})
		}
		before = k
	}
}

func at(skipped [][]int, i int) []int {
	if i < len(skipped) {
		return skipped[i]
	}
	return nil
}

// token is a row of the table of fences: written here, or come by replication.
func (d *decoder) token(e *replication.RowsEvent) {
	if e.Type() != replication.EnumRowsEventTypeInsert {
		return
	}
	what := "fence "
	if d.tx.Origin != "" {
		what = "ack "
	}
	for _, row := range e.Rows {
		if s, ok := row[0].(string); ok {
			d.tx.Tokens = append(d.tx.Tokens, what+s)
		}
	}
}
