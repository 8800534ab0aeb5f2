package tablediff

import (
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// Answer of a comparison.
type Answer int

// The answers. Unclear is the zero value: what nobody compared is not equal.
const (
	Unclear Answer = iota
	Equal
	Differ
	numAnswers
)

var answerNames = [numAnswers]string{"unclear", "equal", "different"}

// String returns the word of the report.
func (a Answer) String() string {
	if a < 0 || a >= numAnswers {
		return "unclear"
	}
	return answerNames[a]
}

// MarshalText puts the word into JSON.
func (a Answer) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// Report is what a comparison found. Its JSON keys are part of the interface.
type Report struct {
	Verdict    Answer         `json:"verdict"`
	Why        string         `json:"why,omitempty"`
	Strength   string         `json:"strength"`
	Blue       SideReport     `json:"blue"`
	Green      SideReport     `json:"green"`
	Replicated bool           `json:"replicated"` // a replication from blue to green was found, and rows were held against its position
	Started    time.Time      `json:"started"`
	TookMS     int64          `json:"took_ms"`
	Rows       int64          `json:"rows"`
	Rate       int64          `json:"rows_per_second"`
	Tables     []TableReport  `json:"tables"`
	Notes      []NoteReport   `json:"notes,omitempty"`
	Schema     []SchemaDiff   `json:"schema,omitempty"`
	Sequences  []SequenceDiff `json:"sequences,omitempty"`
	Repair     []string       `json:"repair,omitempty"` // statements, only where they were asked for
}

// SideReport says which server it was and up to which position it was read.
type SideReport struct {
	Server   string `json:"server"`
	Position string `json:"position,omitempty"`
}

// TableReport is what was found of one table.
type TableReport struct {
	Table     string   `json:"table"`
	Verdict   Answer   `json:"verdict"`
	Why       string   `json:"why,omitempty"`
	BlueRows  int64    `json:"blue_rows"`  // counted while summing
	GreenRows int64    `json:"green_rows"` // counted while summing
	Parts     int      `json:"parts"`
	Missing   int      `json:"missing"`
	Extra     int      `json:"extra"`
	Different int      `json:"different"`
	Moving    int      `json:"moving"`
	Unnamed   int      `json:"unnamed_parts,omitempty"` // differing parts whose rows were not listed: too many
	Samples   []Sample `json:"samples,omitempty"`
	Key       []string `json:"key,omitempty"`
	TookMS    int64    `json:"took_ms"`
}

// Sample is one differing row, by its key.
type Sample struct {
	Class Class              `json:"class"`
	Key   engines.Key        `json:"key"`
	Blue  map[string]*string `json:"blue,omitempty"`  // only where values were asked for
	Green map[string]*string `json:"green,omitempty"` // only where values were asked for
}

// NoteReport is something that was not compared, or in a lesser way.
type NoteReport struct {
	Object  string `json:"object"`
	Why     string `json:"why"`
	Blind   bool   `json:"not_compared,omitempty"`
	Differs bool   `json:"differs,omitempty"`
}

// SequenceDiff is one line of the comparison of sequences.
type SequenceDiff struct {
	Sequence string `json:"sequence"`
	Is       string `json:"is"`
	Delta    string `json:"delta"` // blue's next value less green's, in the sequence's direction
	Behind   bool   `json:"behind"`
	Differs  bool   `json:"differs"` // definitions are not the same
}

// Count adds a suspect to its class.
func (t *TableReport) Count(s Suspect) {
	n := 1
	if len(s.Key) == 0 {
		n = int(max(s.Blue.Count-s.Green.Count, s.Green.Count-s.Blue.Count))
	}
	switch s.Class {
	case Missing:
		t.Missing += n
	case Extra:
		t.Extra += n
	case Different:
		t.Different += n
	default:
		t.Moving += n
	}
}

// Judge gives the table its verdict. A difference that is proven weighs more
// than something that nobody could settle.
func (t *TableReport) Judge() {
	switch {
	case t.Missing+t.Extra+t.Different > 0:
		t.Verdict = Differ
	case t.Unnamed > 0 && t.Moving == 0:
		t.Verdict = Differ
	case t.Moving > 0:
		t.Verdict, t.Why = Unclear, "rows were still moving"
	case t.Why != "":
		t.Verdict = Unclear
	default:
		t.Verdict = Equal
	}
}

// Judge gives the whole its verdict: different if anything is, equal only if
// every table is and nothing was left out.
func (r *Report) Judge() {
	r.Verdict, r.Why = Equal, ""
	set := func(a Answer, why string) {
		if r.Verdict == Differ || a == Unclear && r.Verdict == Unclear {
			return
		}
		r.Verdict, r.Why = a, why
	}
	for _, n := range r.Notes {
		if n.Differs {
			set(Differ, n.Object+": "+n.Why)
		} else if n.Blind {
			set(Unclear, n.Object+": "+n.Why)
		}
	}
	for _, t := range r.Tables {
		if t.Verdict == Unclear {
			set(Unclear, t.Table+": "+t.Why)
		}
	}
	for _, t := range r.Tables {
		if t.Verdict == Differ {
			set(Differ, t.Table+" differs")
		}
	}
	for _, d := range r.Schema {
		set(Differ, d.Kind+" "+d.Object+" differs")
	}
	for _, q := range r.Sequences {
		if q.Differs {
			set(Differ, "sequence "+q.Sequence+": "+q.Is)
		}
	}
	if len(r.Tables) == 0 && r.Verdict == Equal {
		r.Verdict, r.Why = Unclear, "no table was compared"
	}
}
