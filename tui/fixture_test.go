package tui

import (
	"math"
	"time"

	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// night is the moment at which all fixtures stand.
var night = time.Date(2026, 11, 21, 3, 14, 7, 0, time.UTC)

func lagHistory() []float64 {
	h := make([]float64, 60)
	for i := range h {
		h[i] = 9000 + 3000*math.Sin(float64(i)/4)
	}
	return h
}

func fixRow(id, title string, p steps.Phase, r runbooks.Risk) session.StepRow {
	return session.StepRow{ID: runbooks.StepID(id), Title: title, Phase: p, Risk: r, Planned: time.Minute}
}

func fixPhases() []session.PhaseRow {
	return []session.PhaseRow{
		{Number: 1, Name: "Prepare", Done: 3, Total: 3, Steps: []session.StepRow{fixRow("1.1", "Prove who is who", steps.Done, runbooks.Read), fixRow("1.2", "Preflight", steps.Done, runbooks.Read), fixRow("1.3", "Roles", steps.Done, runbooks.Change)}},
		{Number: 2, Name: "Build green", Done: 2, Total: 2, Steps: []session.StepRow{fixRow("2.1", "Publication", steps.Done, runbooks.Change), fixRow("2.2", "Subscription", steps.Skipped, runbooks.Change)}},
		{Number: 3, Name: "Cutover", Done: 1, Total: 5, Steps: []session.StepRow{
			fixRow("3.1", "Go / no-go poll", steps.Done, runbooks.Read),
			{ID: "3.2", Title: "Freeze writes on blue", Risk: runbooks.Traffic, Current: true, Planned: 30 * time.Second},
			fixRow("3.3", "Drain to freeze LSN", steps.Pending, runbooks.Read),
			fixRow("3.4", "Set sequences", steps.Pending, runbooks.Change),
			fixRow("3.5", "Switch traffic", steps.Pending, runbooks.Traffic)}},
		{Number: 4, Name: "Confirm", Done: 0, Total: 3, Steps: []session.StepRow{
			fixRow("4.1", "Smoke tests", steps.Pending, runbooks.Read),
			{ID: "4.2", Title: "Hold 30 min, both ways", Hold: true},
			fixRow("4.3", "Drop reverse replication", steps.Pending, runbooks.NoReturn)}},
	}
}

func fixCheck(name, want, is string) session.CheckRow {
	return session.CheckRow{Name: name, Want: want, Is: is, Status: checks.Pass, Age: 800 * time.Millisecond}
}

func fixCard() session.Card {
	sql := []string{
		"ALTER ROLE orders_app NOLOGIN;", "ALTER ROLE billing_app NOLOGIN;",
		"SELECT pid, pg_terminate_backend(pid, 5000) FROM pg_stat_activity\n WHERE datname = 'orders' AND usename = ANY ('{orders_app,billing_app}');",
	}
	c := session.Card{
		ID: "3.2", Title: "Freeze writes on blue", Risk: runbooks.Traffic, PhaseName: "Cutover", On: "blue",
		Why:    "Writer roles lose LOGIN, their sessions are ended, no writer is proved. Clients see errors from here until 3.5.",
		RunAs:  "turq_op @ orders-blue:5432/orders",
		Digest: "c41d07b2aa55c41d07b2aa55c41d07b2aa55c41d07b2aa55c41d07b2aa550000", Word: "blue",
		Before: []session.CheckRow{fixCheck("replication lag", "≤ 64 KiB for 60 s", "12.1 KiB for 74 s"), fixCheck("checksums", "48 of 48 tables", "48 of 48"), fixCheck("oldest transaction", "< 5 s", "1.2 s"), fixCheck("go / no-go poll", "4 of 4 GO", "4 of 4 GO")},
		Expect: "no writer left on BLUE within 15 s; freeze LSN recorded", Undo: "2 statements: both roles LOGIN again", Planned: 30 * time.Second, Attempt: 1,
	}
	for i, s := range sql {
		c.Statements = append(c.Statements, session.Statement{N: i + 1, Target: "blue", Verb: "sql", Text: s})
		c.PlanText += s + "\n"
	}
	return c
}

// ready is a production night before its freeze: all gates pass.
func ready() session.Snapshot {
	gate := session.Gauge{ID: "blue/behind_bytes", Value: 9830, Unit: engines.Bytes, At: night, Age: time.Second, History: lagHistory(), Gate: "≤ 64 KiB", Verdict: checks.Pass, Held: 74 * time.Second, NeedHold: time.Minute}
	s := session.Snapshot{
		Seq: 1, Now: night, Started: night.Add(-42*time.Minute - 10*time.Second), Sid: "20261121-orders-7f3a", Plan: 90 * time.Minute, Late: 130 * time.Second,
		Mode: session.Production, Change: "CHG0048213", Book: session.BookRef{Name: "postgres-logical", Title: "Major version by logical replication", Digest: "9f3c1a7e5521"}, Operator: "ada",
		Sides:  [2]session.Side{{Target: "blue", Name: "orders-blue", Version: "PG 15.18", Colour: "blue", Badge: "WRITES", Reached: true}, {Target: "green", Name: "orders-green", Version: "PG 17.12", Colour: "green", Badge: "standby", Reached: true}},
		Link:   session.Link{Forward: true, State: "streaming"},
		Freeze: session.Freeze{State: "off", Budget: 10 * time.Minute},
		Phases: fixPhases(), Current: "3.2", Cards: map[runbooks.StepID]session.Card{"3.2": fixCard()},
		Gauges: map[engines.GaugeID]session.Gauge{gate.ID: gate, "blue/lag_seconds": {ID: "blue/lag_seconds", Value: .33, Unit: engines.Seconds, At: night, Age: time.Second}},
		Clients: [2]session.ClientTable{
			{Total: 210, Age: time.Second, Rows: []session.ClientRow{{App: "orders-api", Count: 120}, {App: "billing", Count: 48}, {App: "reports", Count: 31}, {App: "etl", Count: 9}, {App: "dba", Count: 2}}},
			{Total: 6, Age: time.Second, Rows: []session.ClientRow{{App: "reports", Count: 4}, {App: "dba", Count: 2}}}},
		Seqs: session.SeqTile{Known: 31, Behind: 31, MaxGap: 1842, Worst: "orders_id_seq", Age: 4 * time.Second},
		Rows: session.RowTile{Tables: 48, Blue: 1204338902, Green: 1204338902, Exact: true, Age: 4 * time.Second},
		Way:  session.WayBack{State: "OPEN", Name: "unfreeze blue", Now: "now 0 s", Loses: "nothing", Until: "4.3", After: "3.2 2 s"},
		Record: session.RecordTail{Count: 118, Head: "1b60fe", State: "chain unbroken, synced", OK: true, Path: "runs/20261121-orders-7f3a/record.jsonl", Lines: []session.RecordLine{
			{Seq: 115, At: night.Add(-147 * time.Second), By: "bo", Text: "GO (database)", Hash: "e21f93aa"},
			{Seq: 116, At: night.Add(-96 * time.Second), By: "kim", Text: "GO (application)", Hash: "0c5d88aa"},
			{Seq: 117, At: night.Add(-69 * time.Second), By: "ada", Step: "3.1", Text: "poll closed 4/4 GO", Hash: "a94e17aa"},
			{Seq: 118, At: night.Add(-31 * time.Second), By: "ada", Step: "3.2", Text: "opened; 4 checks pass", Hash: "1b60feaa"}}},
	}
	return s
}

// edited returns s with its current card changed; snapshots are never written to.
func edited(s session.Snapshot, change func(*session.Card)) session.Snapshot {
	c := s.Cards[s.Current]
	change(&c)
	s.Cards = map[runbooks.StepID]session.Card{s.Current: c}
	s.Seq++
	return s
}

// armed is ready with the plan of the box frozen.
func armed(s session.Snapshot) session.Snapshot {
	return edited(s, func(c *session.Card) { c.Armed = true })
}

// withRisk gives the current card another risk and word.
func withRisk(s session.Snapshot, r runbooks.Risk, word string) session.Snapshot {
	return edited(s, func(c *session.Card) { c.Risk, c.Word = r, word })
}

// frozen is the drain in the freeze, running.
func frozen() session.Snapshot {
	s := edited(ready(), func(c *session.Card) {
		c.Phase, c.Risk, c.Started, c.Elapsed, c.Planned = steps.Running, runbooks.Traffic, night.Add(-12*time.Second), 12*time.Second, 30*time.Second
		sts := append([]session.Statement{}, c.Statements...)
		sts[0].State, sts[0].Took, sts[1].State, sts[1].Took, sts[2].State = "done", 8*time.Millisecond, "done", 6*time.Millisecond, "running"
		c.Statements = sts
		c.Output = []session.OutputLine{{At: night.Add(-11 * time.Second), Text: "orders_app: LOGIN taken"}, {At: night.Add(-10 * time.Second), Text: "billing_app: LOGIN taken"}, {At: night.Add(-2 * time.Second), Text: "14 sessions left"}}
	})
	s.Freeze = session.Freeze{State: "frozen", Since: night.Add(-151 * time.Second), Elapsed: 151 * time.Second, Budget: 10 * time.Minute, Position: "4A/9C01F2B8"}
	s.Sides[0].Badge, s.Sides[1].Badge = "FROZEN", "waiting"
	s.Outage = &session.Outage{Acked: 120331, Failed: 12, Gap: 151 * time.Second, LongestGap: 151 * time.Second, TPS: 0, Worst: 2 * time.Second}
	return s
}

// stale is ready with a silent lag probe: the gate is Unknown and an alarm is up.
func stale() session.Snapshot {
	s := edited(ready(), func(c *session.Card) {
		rows := append([]session.CheckRow{}, c.Before...)
		rows[0].Stale, rows[0].Age = true, 17*time.Second
		rows[2].Status, rows[2].Is, rows[2].Reason = checks.Fail, "41 s", "pid 8123 etl"
		c.Before = rows
	})
	g := s.Gauges["blue/behind_bytes"]
	g.Stale, g.Age, g.Verdict = true, 17*time.Second, checks.Unknown
	s.Gauges = map[engines.GaugeID]session.Gauge{g.ID: g}
	s.Link.Stale = true
	s.Alarms = []session.Alarm{{ID: "probe", Since: night.Add(-17 * time.Second), Text: "LAG PROBE SILENT 17 s (BLUE: connection reset by peer)", Consequence: "gate counts as NOT met"}}
	return s
}

// window is a block: six statements with proofs, an abort list and a budget.
func windowBlock() session.Snapshot {
	s := edited(ready(), func(c *session.Card) {
		c.ID, c.Title, c.Block, c.Word = "3.2", "The window", true, "green"
		c.Why = "Clients wait in the pooler while blue is fenced, green catches up and the traffic moves. Nobody gets an error."
		c.Budget, c.On = 20*time.Second, "router"
		c.Prediction = session.Prediction{For: 420 * time.Millisecond, By: "3 rehearsals", Why: "worst of 3 rehearsed 420ms; gauges: 210ms, 7 statements and their proofs 9ms, oldest writer 0.20 s, lag 0.00 s"}
		c.Statements = []session.Statement{
			{N: 1, Target: "router", Verb: "sql", Title: "pause clients", Text: "PAUSE orders"},
			{N: 2, Target: "blue", Verb: "sql", Title: "fence blue", Text: "ALTER ROLE orders_app NOLOGIN"},
			{N: 3, Target: "blue", Verb: "proof", Title: "no writer left", Text: "SELECT count(*) FROM pg_stat_activity WHERE usename = 'orders_app'", Note: "wants 0, asked every 50 ms for at most 5 s"},
			{N: 4, Target: "blue", Verb: "sql", Title: "freeze position", Text: "SELECT pg_current_wal_insert_lsn()", Note: "kept as freeze_lsn"},
			{N: 5, Target: "blue", Verb: "proof", Title: "green has everything", Text: "SELECT confirmed_flush_lsn >= $1 FROM pg_replication_slots WHERE slot_name = 'turq_green'", Note: "$1 := freeze_lsn, read by action 4; wants true"},
			{N: 6, Target: "router", Verb: "file", Title: "route to green", Text: "orders = host=127.0.0.1 port=5433 dbname=orders"},
			{N: 7, Target: "router", Verb: "sql", Title: "let clients go on", Text: "RESUME orders"}}
		c.Abort = []session.Statement{
			{N: 1, Target: "blue", Verb: "sql", Title: "open blue", Text: "ALTER ROLE orders_app LOGIN", Note: "if action 2 was begun"},
			{N: 2, Target: "router", Verb: "sql", Title: "let clients go on", Text: "RESUME orders"}}
	})
	s.Router = session.RouterTile{Side: session.Side{Target: "router", Name: "pgbouncer", Colour: "router", Badge: "routing", Reached: true}, Writes: "blue", Clients: 210, Servers: 40, MaxWait: 2 * time.Millisecond, Age: time.Second}
	phases := fixPhases()
	for _, st := range s.Cards["3.2"].Statements {
		phases[2].Steps[1].Parts = append(phases[2].Steps[1].Parts, session.StepRow{ID: runbooks.StepID("3.2." + string(rune('0'+st.N))), Title: st.Title})
	}
	phases[2].Steps[1].Title = "The window"
	s.Phases = phases
	return s
}

// over is the end of a good night.
func over() session.Snapshot {
	s := ready()
	s.Seq, s.Finished, s.Result = 9, true, "cut_over"
	s.Freeze = session.Freeze{State: "open", Elapsed: 430 * time.Millisecond, Budget: 20 * time.Second}
	s.Sides[0].Badge, s.Sides[1].Badge = "closed", "WRITES"
	s.Outage = &session.Outage{Acked: 120331, LongestGap: 510 * time.Millisecond, Worst: 522 * time.Millisecond, TPS: 812, Compared: true}
	return s
}
