package enginetest

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

func subject() Subject {
	return Subject{Engine: engines.Engine{Name: "one"}, Addr: "127.0.0.1:5432", Secret: "hunter2", Start: true,
		ReadsOnly: func(a engines.Action) bool { return a.Text == "look" }}
}

// TestTheSuiteSeesAPoorIdentity shows each check of the suite an offence, for a
// suite that finds nothing would look like one whose engines are all well.
func TestTheSuiteSeesAPoorIdentity(t *testing.T) {
	good := engines.Identity{Engine: "one", Version: "1.2", Major: 1, System: "x", Host: "127.0.0.1", Port: 5432, Login: "a", Started: "then", Writable: true}
	for name, tt := range map[string]struct {
		spoil func(*engines.Identity)
		want  string
	}{
		"good":       {func(*engines.Identity) {}, ""},
		"engine":     {func(i *engines.Identity) { i.Engine = "two" }, "engine"},
		"version":    {func(i *engines.Identity) { i.Version = "" }, "version"},
		"major":      {func(i *engines.Identity) { i.Major = 0 }, "version"},
		"system":     {func(i *engines.Identity) { i.System = "" }, "system"},
		"port":       {func(i *engines.Identity) { i.Port = 1 }, "dialled"},
		"login":      {func(i *engines.Identity) { i.Login = "" }, "login"},
		"read-only":  {func(i *engines.Identity) { i.Writable = false }, "writable"},
		"start":      {func(i *engines.Identity) { i.Started = "" }, "start time"},
		"extra text": {func(i *engines.Identity) { i.Extra = map[string]string{"name": "\x1b[31m"} }, "U+001B"},
	} {
		id := good
		tt.spoil(&id)
		sees(t, name, whole(id, subject()), tt.want)
	}
}

// sees checks that an error says what is wanted; nothing wanted is no error.
func sees(t *testing.T, name string, err error, want string) {
	t.Helper()
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("%s: %v; want %q", name, err, want)
	}
}

func TestTheSuiteSeesABadReading(t *testing.T) {
	good := engines.Reading{Gauge: "blue/lag_seconds", At: time.Unix(1, 0), Unit: engines.Seconds, Value: 1}
	for name, tt := range map[string]struct {
		spoil func(*engines.Reading)
		want  string
	}{
		"good":           {func(*engines.Reading) {}, ""},
		"other target":   {func(g *engines.Reading) { g.Gauge = "green/lag_seconds" }, "never promised"},
		"not promised":   {func(g *engines.Reading) { g.Gauge = "blue/other_count" }, "never promised"},
		"no time":        {func(g *engines.Reading) { g.At = time.Time{} }, "no time"},
		"no unit":        {func(g *engines.Reading) { g.Unit = "" }, "no unit"},
		"error, value":   {func(g *engines.Reading) { g.Err = errors.New("no") }, "an error and a value"},
		"error":          {func(g *engines.Reading) { g.Err, g.Value = errors.New("no"), 0 }, ""},
		"no number":      {func(g *engines.Reading) { g.Value = math.NaN() }, "NaN"},
		"hostile word":   {func(g *engines.Reading) { g.Text = hostile }, "gauge"},
		"hostile reason": {func(g *engines.Reading) { g.Err, g.Value = errors.New(hostile), 0 }, "U+001B"},
	} {
		g := good
		tt.spoil(&g)
		sees(t, name, sound(g, "blue", []string{"lag_seconds"}), tt.want)
	}
}

func TestTheSuiteSeesAPoorFinding(t *testing.T) {
	good := engines.Finding{ID: "X01", Title: "one", Target: "blue", Level: engines.Block, Is: "2", Want: "1", Next: "mend it"}
	for name, tt := range map[string]struct {
		spoil func(*engines.Finding)
		want  string
	}{
		"good":       {func(*engines.Finding) {}, ""},
		"no name":    {func(f *engines.Finding) { f.ID = "" }, "without a name"},
		"target":     {func(f *engines.Finding) { f.Target = "green" }, "another target"},
		"no next":    {func(f *engines.Finding) { f.Next = "" }, "what to do"},
		"blind":      {func(f *engines.Finding) { f.Level, f.Is = engines.Blind, "" }, "what it saw"},
		"pass":       {func(f *engines.Finding) { f.Level, f.Next = engines.Pass, "" }, ""},
		"hostile is": {func(f *engines.Finding) { f.Is = hostile }, "U+001B"},
	} {
		f := good
		tt.spoil(&f)
		sees(t, name, told(f, "blue"), tt.want)
	}
}

func TestTheSuiteSeesAnUnprovenPlan(t *testing.T) {
	proof := engines.Proof{Target: "blue", Title: "there", Text: "look", Want: "1"}
	for name, tt := range map[string]struct {
		spoil func(*engines.Parts)
		want  string
	}{
		"good":       {func(*engines.Parts) {}, ""},
		"no proof":   {func(p *engines.Parts) { p.Actions[0].Proof = nil }, "no proof"},
		"only reads": {func(p *engines.Parts) { p.Actions[0].Proof, p.Actions[0].Text = nil, "look" }, ""},
		"no undo":    {func(p *engines.Parts) { p.Undo = nil }, "neither an undo"},
		"undo, none": {func(p *engines.Parts) { p.UndoNone = "no" }, "neither an undo"},
		"undoes 2":   {func(p *engines.Parts) { p.Undo[0].Undoes = 2 }, "takes back action 2 of 1"},
		"abort": {func(p *engines.Parts) {
			p.Abort = []engines.Action{{Target: "blue", Title: "a", Text: "look", Undoes: 7}}
		}, "takes back action 7"},
		"action undoes": {func(p *engines.Parts) { p.Actions[0].Undoes = 1 }, "is no undo"},
		"no title":      {func(p *engines.Parts) { p.Actions[0].Title = "" }, "no target, title"},
		"odd text":      {func(p *engines.Parts) { p.Actions[0].Text = "a\x1b" }, "text"},
		"secret":        {func(p *engines.Parts) { p.Actions[0].Text = "password hunter2" }, "a secret"},
		"secret proof":  {func(p *engines.Parts) { p.Actions[0].Proof.Text = "hunter2" }, "a secret"},
		"for ever":      {func(p *engines.Parts) { p.Actions[0].Proof.Every = 1 }, "for ever"},
		"no want":       {func(p *engines.Parts) { p.Actions[0].Proof.Want = "" }, "wanted answer"},
		"late proof":    {func(p *engines.Parts) { p.After = []engines.Proof{{}} }, "after the last action"},
		"nameless":      {func(p *engines.Parts) { p.Actions[0].Binds = []engines.Bind{{}} }, "bound value"},
	} {
		own := proof
		p := engines.Parts{Actions: []engines.Action{{Target: "blue", Title: "do", Text: "act", Proof: &own}},
			Undo: []engines.Action{{Target: "blue", Title: "undo", Text: "look", Undoes: 1}}}
		tt.spoil(&p)
		sees(t, name, readable(p, subject()), tt.want)
	}
}

// loose plans by what it has planned before, and writes into the request.
type loose struct {
	n     *int
	write bool
}

func (loose) Supports(string, string) bool { return true }
func (loose) GaugeNames() []string         { return nil }
func (l loose) Plan(r engines.Request) (engines.Parts, error) {
	if l.write {
		r.Params["b"] = "2"
		return engines.Parts{}, nil
	}
	*l.n++
	return engines.Parts{UndoNone: strings.Repeat("x", *l.n)}, nil
}

func TestTheSuiteSeesAPlannerWithAMemory(t *testing.T) {
	r := engines.Request{Params: map[string]string{"a": "1"}}
	l := loose{n: new(int)}
	first, err := l.Plan(r)
	if err != nil {
		t.Fatal(err)
	}
	sees(t, "memory", pure(l, r, first, 1), "another plan")
	sees(t, "writes", pure(loose{write: true}, r, engines.Parts{}, 1), "changed the request")
}
