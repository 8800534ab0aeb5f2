package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/checks/tablediff"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

func ask(t *testing.T, dsn, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	var out string
	if err := conn.QueryRow(t.Context(), sql).Scan(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTheWindowMovesNothingThatIsNotEqual walks with the full comparison, spoils
// a row on green behind everybody's back, and wants the window taken back; then
// repairs it and wants it through.
func TestTheWindowMovesNothingThatIsNotEqual(t *testing.T) {
	n := newNight(t)
	n.cut.params = append(n.cut.params, "verify=full")
	s := n.open(nil)
	if err := n.walk(s, lab.WalkOptions{Until: "4.5"}); err != nil {
		t.Fatal(err)
	}
	if rows := s.State().Vars["compared_rows"]; rows == "" || rows == "0" {
		t.Fatalf("the comparison read %q rows", rows)
	}
	// The stream of blue is cut: what changed meanwhile is not known, and the
	// session compares everything again by itself before the gate opens.
	if cut := ask(t, n.pair.BlueDSN(), "select pg_terminate_backend(active_pid)::text from pg_replication_slots where slot_name = 'tq_cmp'"); cut != "true" {
		t.Fatalf("nobody read the slot: %s", cut)
	}
	news, end := s.Handle(session.Person{Name: "script", Role: "operator"}).Subscribe()
	defer end()
	limit := time.NewTimer(90 * time.Second)
	defer limit.Stop()
	doubts := func(want int) {
		for st := range news {
			if g := st.Gauges["green/data_doubts_count"]; int(g.Value) == want {
				return
			}
			select {
			case <-limit.C:
				t.Fatalf("doubts never became %d: %+v", want, st.Gauges["green/data_doubts_count"])
			default:
			}
		}
		t.Fatal("the session ended")
	}
	doubts(1)
	doubts(0)
	spoil := func(body string) {
		if err := n.pair.Green.Exec(t.Context(), lab.Database, "set default_transaction_read_only = off", "update notes set body = '"+body+"' where id = 7"); err != nil {
			t.Fatal(err)
		}
	}
	was := ask(t, n.pair.BlueDSN(), "select body from notes where id = 7")
	spoil("spoilt")
	// Seen within two seconds the row closes the gate before the window; found
	// later it takes the window back.
	err := n.walk(s, lab.WalkOptions{Until: "5"})
	gate := err != nil && strings.Contains(err.Error(), "green/data_doubts_count")
	if !gate && (!errors.Is(err, lab.ErrStopped) || !strings.Contains(err.Error(), "public.notes (key ")) {
		t.Fatalf("the window went on: %v", err)
	}
	if st := s.State(); st.Writes != "blue" || !gate && st.Step("5").Phase != steps.Undone {
		t.Fatalf("writes on %s, step %s", st.Writes, st.Step("5").Phase)
	}
	n.flows("after the window was taken back")
	keysAreShownOnRequest(t, s)
	spoil(was)
	if err := n.walk(s, lab.WalkOptions{Until: "6.7"}); err != nil {
		t.Fatal(err)
	}
	if v := s.State().Vars; number(v["verified_rows"]) < 7000 || v["verify_ms"] == "" {
		t.Errorf("proven: %v rows in %v ms", v["verified_rows"], v["verify_ms"])
	}
	for side, dsn := range map[string]string{"blue": n.pair.BlueDSN(), "green": n.pair.GreenDSN()} {
		if left := ask(t, dsn, "select (count(*) + (select count(*) from pg_publication where pubname = 'tq_cmp'))::text from pg_replication_slots where slot_name = 'tq_cmp'"); left != "0" {
			t.Errorf("%s: slot or publication of the comparison is still there", side)
		}
	}
	n.compare(s)
	poolerTells(t, n, s)
}

// keysAreShownOnRequest: a screen has rows that differ by mark, by key only once
// somebody asked; the record says that he did, and holds no key.
func keysAreShownOnRequest(t *testing.T, s *session.Session) {
	t.Helper()
	me := s.Handle(session.Person{Name: "script", Role: "operator"})
	news, end := me.Subscribe()
	defer end()
	asked := false
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	for shown := false; !shown; {
		var st session.Snapshot
		select {
		case st = <-news:
		case <-limit.C:
			t.Fatal("the row was never shown")
		}
		c := st.Compared
		if c == nil || len(c.Differ) == 0 {
			continue
		}
		if strings.Contains(strings.Join(c.Differ, ""), "(7)") || !asked && len(c.Keys) > 0 {
			t.Errorf("keys that nobody asked for: %q %q", c.Differ, c.Keys)
		}
		if !asked {
			asked = true
			if err := me.Do(t.Context(), session.Intent{Command: steps.Reveal{}}); err != nil {
				t.Fatal(err)
			}
		}
		shown = strings.Contains(strings.Join(c.Keys, ""), " = public.notes (7)")
	}
	rec, err := os.ReadFile(filepath.Join(s.Dir(), "0001.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(rec), "notes (7)") || !strings.Contains(string(rec), `"type":"view.detail"`) || !strings.Contains(string(rec), `"rows":1,"what":"keys of rows`) {
		t.Error("the record holds the key of a row, or does not say that it was shown")
	}
}

// lookIsNoted: word that values are shown lies beside the record before they are;
// where it cannot, none are shown.
func lookIsNoted(t *testing.T, run func(...string) (tablediff.Report, string, int)) {
	t.Helper()
	dir := shortNight(t)
	if _, all, _ := run("--show-values", "--record", dir); !strings.Contains(all, "green owner = someone") {
		t.Errorf("values were asked for:\n%s", all)
	}
	notes, err := filepath.Glob(filepath.Join(dir, "requests", "look-*.json"))
	if err != nil || len(notes) != 1 {
		t.Fatalf("notes %q, %v", notes, err)
	}
	if text, err := os.ReadFile(notes[0]); err != nil || !strings.Contains(string(text), `"what":"values of rows that differ of public.accounts, by turquoise diff","rows":2`) || strings.Contains(string(text), "someone") {
		t.Errorf("the note is %s, %v", text, err)
	}
	if err := errors.Join(os.RemoveAll(filepath.Join(dir, "requests")), os.WriteFile(filepath.Join(dir, "requests"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--show-values", "--record", dir}, {"--show-values", "--record", t.TempDir()}, {"--record", dir}} {
		if _, all, code := run(args...); strings.Contains(all, "someone") || code == exitDiffers {
			t.Errorf("%q: status %d\n%s", args, code, all)
		}
	}
}

// TestDiffSaysWhatItFound runs the verb as it is typed: equal, different,
// could not tell.
func TestDiffSaysWhatItFound(t *testing.T) {
	t.Parallel()
	blue, green := labtest.Postgres(t, 15), labtest.Postgres(t, 17)
	both := "create table accounts (id bigint primary key, owner text, balance numeric(12,2)); insert into accounts select g, 'owner ' || g, g from generate_series(1, 500) g"
	for _, db := range []labtest.DB{blue, green} {
		if err := db.Server.Exec(t.Context(), db.Name, both); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) (tablediff.Report, string, int) {
		var out, errs bytes.Buffer
		code := Main(append([]string{"diff", "--quiet", "--blue", blue.DSN, "--green", green.DSN}, args...), strings.NewReader(""), &out, &errs)
		var r tablediff.Report
		// The words of the report are not read back into numbers: only what is a number or text is.
		_ = json.Unmarshal(out.Bytes(), &r)
		return r, out.String() + errs.String(), code
	}
	if r, all, code := run("--data-only", "--json"); code != exitEqual || r.Rows != 500 || !strings.Contains(all, `"verdict": "equal"`) {
		t.Errorf("equal: status %d\n%s", code, all)
	}
	if err := green.Server.Exec(t.Context(), green.Name, "update accounts set owner = 'someone' where id = 7; delete from accounts where id = 8"); err != nil {
		t.Fatal(err)
	}
	_, all, code := run("--tables", "accounts")
	if code != exitDiffers || !strings.Contains(all, "different    id=7") || !strings.Contains(all, "missing      id=8") || strings.Contains(all, "someone") {
		t.Errorf("different: status %d\n%s", code, all)
	}
	if _, all, _ := run("--show-values"); !strings.Contains(all, "green owner = someone") {
		t.Errorf("values were asked for:\n%s", all)
	}
	lookIsNoted(t, run)
	if _, all, _ := run("--repair-sql", "green", "--data-only"); !strings.Contains(all, `UPDATE "public"."accounts" SET "owner" = 'owner 7'`) || !strings.Contains(all, "turquoise never runs them") {
		t.Errorf("repair:\n%s", all)
	}
	if got := ask(t, green.DSN, "select owner from accounts where id = 7"); got != "someone" {
		t.Errorf("diff changed green: %s", got)
	}
	if _, all, code := run("--tables", "nothing"); code != exitBlind || !strings.Contains(all, "no such table") {
		t.Errorf("nothing to compare: status %d\n%s", code, all)
	}
}

// TestLimitsMayChange reads them anew each time; a half-written file is no limit.
func TestLimitsMayChange(t *testing.T) {
	file := t.TempDir() + "/limits"
	app := &App{Out: io.Discard, Err: io.Discard}
	o, err := app.diffOptions(diff{engine: "postgres", strength: "64", blue: "host=a", green: "host=b", control: file, limits: tablediff.Limits{Workers: 2, Max: 40}})
	if err != nil {
		t.Fatal(err)
	}
	if l := o.Limits(); l.Workers != 2 {
		t.Errorf("%+v", l)
	}
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("workers 5\n# for the night\nmax-active 7\n")
	if l := o.Limits(); l.Workers != 5 || l.Max != 7 {
		t.Errorf("%+v", l)
	}
	write("wor")
	if l := o.Limits(); l.Workers != 5 {
		t.Errorf("%+v", l)
	}
	var e *engines.Error
	if _, err := readLimits(file, tablediff.Limits{}); !errors.As(err, &e) || e.Next == "" {
		t.Errorf("%v", err)
	}
}
