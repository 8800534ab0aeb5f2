package engines

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CompareOrder is what a comparing action asks for. Its text is what a plan
// shows, hashes and records, the same on every engine; the door of comparisons
// reads it back. Nothing in it is an engine's statement.
type CompareOrder struct {
	Do          string   // CompareAll, CompareProve or CompareEnd
	From, To    TargetID // for CompareAll: who has the writes, who gets them
	Tables      []string // none: all
	Except      []string // objects that are left out, as the notes of a comparison name them
	Slot        string   // where the changes since are read, on both sides; empty where the log is read itself
	Publication string   // which of them; empty where the engine needs no name
	Strength    Strength
	Pace        ComparePace
	Token       string // for CompareProve: the fence at which every row must be equal
	Back        bool   // what is written on green is compared with blue; for CompareProve it only names what is captured
}

// What a comparing action does.
const (
	CompareAll   = "compare" // reads every row of both sides, then follows the changes
	CompareProve = "prove"   // says whether every row is equal at a token
	CompareEnd   = "end"     // ends following
)

// ComparePace is how much of the servers a comparison may take. It may be
// changed while it runs. 0 is no limit, but for Workers.
type ComparePace struct {
	Workers  int // pairs of sessions at work
	Max      int // active sessions of others above which it pauses
	Critical int // active sessions of others above which it stops if seen twice
	Waiting  int // sessions of others waiting for locks above which it pauses
}

// paceNames are the words of an order, of a file of limits and of a person.
var paceNames = []string{"workers", "max-active", "critical-active", "max-waiting"}

func (p *ComparePace) fields() []*int { return []*int{&p.Workers, &p.Max, &p.Critical, &p.Waiting} }

// Set changes one limit by its name.
func (p *ComparePace) Set(name, value string) error {
	i := slices.Index(paceNames, name)
	if i < 0 {
		return fmt.Errorf("no limit is called %s: there are %s", name, strings.Join(paceNames, ", "))
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n == 0 && i == 0 {
		return fmt.Errorf("%s %s: give a number, 0 is no limit, and at least one worker", name, value)
	}
	*p.fields()[i] = n
	return nil
}

// ParsePace takes words such as "workers 4 max-active 20" over the limits in force.
func ParsePace(words string, now ComparePace) (ComparePace, error) {
	fields := strings.Fields(strings.ReplaceAll(words, ",", " "))
	if len(fields) == 0 || len(fields)%2 != 0 {
		return now, errors.New("write pairs such as: workers 4 max-active 20")
	}
	for i := 0; i < len(fields); i += 2 {
		if err := now.Set(fields[i], fields[i+1]); err != nil {
			return now, err
		}
	}
	return now, nil
}

// String lists the limits as ParsePace reads them.
func (p ComparePace) String() string {
	out := make([]string, len(paceNames))
	for i, f := range p.fields() {
		out[i] = paceNames[i] + " " + strconv.Itoa(*f)
	}
	return strings.Join(out, ", ")
}

// ParseStrength reads 64 or sha256.
func ParseStrength(s string) (Strength, error) {
	for _, k := range []Strength{Sum64, Cryptographic} {
		if k.String() == s {
			return k, nil
		}
	}
	return Sum64, fmt.Errorf("there is no strength %q: give 64 or sha256", s)
}

// String is the word that ParseStrength reads.
func (s Strength) String() string {
	if s == Cryptographic {
		return "sha256"
	}
	return "64"
}

// Chance says in a sentence what sums of this strength can miss.
func (s Strength) Chance() string {
	if s == Cryptographic {
		return "SHA-256 over the rows of each part in the order of their keys: nobody can make two parts that agree"
	}
	return "64-bit hash of each row with its key: a difference is missed with a chance of about 1 in 2^64; against rows forged on purpose take sha256"
}

var errOrder = errors.New("not a comparison this program knows")

// Text is the order as it stands in a plan.
func (o CompareOrder) Text() string {
	switch o.Do {
	case CompareProve:
		return "prove: every row is equal at the token\ntoken: " + o.Token
	case CompareEnd:
		text := endThere
		if o.Back {
			text = endBack
		}
		if o.Slot != "" {
			text += "\nslot: " + o.Slot
		}
		return text
	}
	list := func(names []string, none string) string {
		if len(names) == 0 {
			return none
		}
		return strings.Join(names, ", ")
	}
	lines := []string{"compare: every row of " + string(o.From) + " with " + string(o.To), "tables: " + list(o.Tables, "all")}
	if len(o.Except) > 0 {
		lines = append(lines, "not compared: "+list(o.Except, ""))
	}
	lines = append(lines, "strength: "+o.Strength.String()+" ("+o.Strength.Chance()+")")
	if o.Slot != "" {
		lines = append(lines, "slot: "+o.Slot)
	}
	if o.Publication != "" {
		lines = append(lines, "publication: "+o.Publication)
	}
	return strings.Join(append(lines, "pace: "+o.Pace.String(),
		"law: pauses above max-active or max-waiting, stops above critical-active seen twice"), "\n")
}

// Texts of the end of each direction.
const (
	endThere = "end: following"
	endBack  = "end: following the way back"
)

// Followed names what an order begins or ends to follow: there and back are two
// things, also where the engine needs no slot.
type Followed struct {
	Slot string
	Back bool
}

// Followed is what the order begins or ends to follow.
func (o CompareOrder) Followed() Followed { return Followed{o.Slot, o.Back} }

// ParseCompareOrder reads what Text wrote.
func ParseCompareOrder(text string) (CompareOrder, error) {
	var o CompareOrder
	for i, l := range strings.Split(text, "\n") {
		name, value, _ := strings.Cut(l, ": ")
		var err error
		switch {
		case i == 0:
			o.Do = strings.TrimSuffix(name, ":")
			if a, b, ok := strings.Cut(strings.TrimPrefix(value, "every row of "), " with "); ok && o.Do == CompareAll {
				o.From, o.To = TargetID(a), TargetID(b)
				o.Back = o.From == GreenSide
			}
			if o.Do == CompareEnd {
				o.Back = l == endBack
			}
		case name == "tables" && value != "all":
			o.Tables = strings.Split(value, ", ")
		case name == "not compared":
			o.Except = strings.Split(value, ", ")
		case name == "strength":
			word, _, _ := strings.Cut(value, " ")
			o.Strength, err = ParseStrength(word)
		case name == "slot":
			o.Slot = value
		case name == "publication":
			o.Publication = value
		case name == "pace":
			o.Pace, err = ParsePace(value, o.Pace)
		case name == "token":
			o.Token = value
		}
		if err != nil {
			return o, err
		}
	}
	if o.Do != CompareAll && o.Do != CompareProve && o.Do != CompareEnd || o.Do == CompareAll && o.Pace.Workers < 1 {
		return o, errOrder
	}
	return o, nil
}

// OrderOf is the full comparison that the parameters of a runbook ask for. Slot
// and publication are the engine's to name.
func OrderOf(r Request) (CompareOrder, error) {
	o := CompareOrder{Do: CompareAll, From: r.From, To: r.To, Back: r.From == "green", Tables: r.Lists["tables"], Except: slices.Clone(r.Lists["compare_except"])}
	for _, d := range r.Lists["expected_schema_diff"] {
		// What green is meant to have otherwise stops no comparison of the rest.
		if name, ok := strings.CutPrefix(d, "column "); ok {
			o.Except = append(o.Except, name)
		}
	}
	var err error
	if o.Strength, err = ParseStrength(r.Param("compare_strength", "64")); err != nil {
		return o, err
	}
	for _, l := range []struct{ param, name, usual string }{{"compare_workers", "workers", "2"}, {"compare_max_active", "max-active", "40"},
		{"compare_critical_active", "critical-active", "120"}, {"compare_max_waiting", "max-waiting", "10"}} {
		if err := o.Pace.Set(l.name, r.Param(l.param, l.usual)); err != nil {
			return o, err
		}
	}
	return o, nil
}

// backVar ends the names of what a comparison of the way back leaves. followed_back
// is "equal" from its first comparison to its end.
const backVar = "_back"

// CompareAction is the action of an order: the same on every engine, with what it
// leaves for later steps and the report. The door that compares is green's,
// whichever way the writes go.
func CompareAction(o CompareOrder) Action {
	a := Action{Target: "green", Verb: Compare, Session: CompareSession, Title: "end following", Text: o.Text()}
	switch o.Do {
	case CompareAll:
		a.Title = "compare every row, then follow the changes"
		a.Captures = []Capture{{Var: "compared_rows", Column: 1}, {Var: "compared_tables", Column: 2}, {Var: "compared_ms", Column: 3}, {Var: "compared_except", Column: 4}}
	case CompareProve:
		a.Title = "every row is equal at the freeze"
		a.Captures = []Capture{{Var: "verified_rows", Column: 1}, {Var: "verified_tables", Column: 2}, {Var: "verify_ms", Column: 3},
			{Var: "verified_in_freeze", Column: 4}, {Var: "verified_whole", Column: 5}, {Var: "verified_except", Column: 6}, {Var: "verified_since", Column: 7}}
	}
	if o.Back && o.Do != CompareProve {
		a.Captures = append(a.Captures, Capture{Var: "followed"})
	}
	for i := range a.Captures {
		if o.Back {
			a.Captures[i].Var += backVar
		}
	}
	return a
}

// NotCompared is what the cards of the comparison say where nothing is compared.
const NotCompared = "parameter verify is none: NO ROW IS COMPARED, before the window or inside it; that the data is identical is not proven"

// NotComparedBack is what the cards of the way back say where no row was compared
// since the writes moved.
const NotComparedBack = "parameter verify_back is none, or the step that compares green with blue was not run: NO ROW IS COMPARED for the way back; that blue has what green has is proven by position alone"

// NotCompared says why nothing is compared.
func (r Request) NotCompared() string {
	if r.From == "green" {
		return NotComparedBack
	}
	return NotCompared
}

// Compared reports whether the runbook asks for the full comparison. Only the
// word none leaves it out: a misspelt one must not.
func (r Request) Compared() bool {
	if r.From == "green" && r.Param("verify_back", "none") == "none" {
		return false
	}
	return r.Param("verify", "full") != "none"
}

// proveLimit bounds the proof inside the window. Two fences and the keys that
// are still open take a few milliseconds; a second look at a large table without
// a key is what this leaves room for.
const proveLimit = 5 * time.Second

// Prove is the plan of the proof, which stands inside the window, behind the
// catch-up: what it proves is true of the freeze position.
func (r Request) Prove() (Parts, error) {
	if !r.Compared() {
		return Parts{UndoNone: r.NotCompared()}, nil
	}
	back := r.From == "green"
	if back && r.Vars["followed"+backVar] != "equal" {
		return Parts{UndoNone: NotComparedBack}, nil
	}
	a := CompareAction(CompareOrder{Do: CompareProve, Token: r.Token(), Back: back})
	a.Limit = proveLimit
	return Parts{Actions: []Action{a}, UndoNone: "reads only"}, nil
}

// Order is OrderOf with an error that says what to correct.
func (r Request) Order() (CompareOrder, error) {
	o, err := OrderOf(r)
	if err != nil {
		return o, &Error{Op: "plan the comparison", Object: string(r.To), Err: err, Next: "correct the runbook's compare_ parameters"}
	}
	return o, nil
}
