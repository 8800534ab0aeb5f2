package mysql

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// TestWhoMayGoOn holds who may pass over a check that stops the walk. What
// nobody may: the wrong server, a link or a log that cannot carry rows, a
// transaction that commits behind the freeze.
func TestWhoMayGoOn(t *testing.T) {
	never := []string{"G01", "G02", "G03", "MY01", "MY04", "MY05", "MY07", "MY08", "MY09", "MY12/xa", "MY17", "MY18", "MY20/names", "MY23", "MY24"}
	seen := map[string]bool{}
	for _, c := range checkTable() {
		if seen[c.ID] {
			t.Errorf("%s stands twice", c.ID)
		}
		seen[c.ID] = true
		want := engines.SecondPerson
		if slices.Contains(never, c.ID) {
			want = engines.Never
		}
		if c.Waive != want {
			t.Errorf("%s: waive %d, want %d", c.ID, c.Waive, want)
		}
	}
	for _, id := range never {
		if !seen[id] {
			t.Errorf("%s is not asked", id)
		}
	}
	for n := 1; n <= 28; n++ {
		id := "MY" + string(rune('0'+n/10)) + string(rune('0'+n%10))
		if !seen[id] {
			t.Errorf("%s is not asked", id)
		}
	}
}

// vars is a look at a server of which only settings are known.
func vars(pairs ...string) *look {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return &look{in: engines.Scope{On: "green", From: "blue", To: "green"}, me: &eye{l: &link{d: dialect{v: version{8, 0, 39}}}, facts: facts{vars: m}}}
}

// TestSettingsThatAVersionChangedAreFelt: what MariaDB 11 sets otherwise than
// 10.11 when nobody sets it.
func TestSettingsThatAVersionChangedAreFelt(t *testing.T) {
	for name, tt := range map[string]struct {
		here, there []string
		says        string // nothing: no difference
	}{
		"rows that changed since the snapshot": {[]string{"innodb_snapshot_isolation", "ON"}, []string{"innodb_snapshot_isolation", "OFF"}, "innodb_snapshot_isolation is ON, on {there} OFF"},
		"collations of character sets":         {[]string{"character_set_collations", "utf8mb4=uca1400_ai_ci"}, nil, "character_set_collations is utf8mb4=uca1400_ai_ci, on {there} empty"},
		"collations put back":                  {[]string{"character_set_collations", ""}, nil, ""},
		"a setting that one side lacks":        {[]string{"local_infile", "ON"}, nil, ""},
	} {
		k := vars(tt.here...)
		k.peer = vars(tt.there...).me
		a, err := felt(t.Context(), k)
		if err != nil || strings.Contains(a.Is, "is ") != (tt.says != "") || !strings.Contains(a.Is, tt.says) {
			t.Errorf("%s: %q, %v; want %q", name, a.Is, err, tt.says)
		}
	}
}

// TestAuroraIsToldFromTheRest: no lab has one, so the decision is held by what
// its servers answer.
func TestAuroraIsToldFromTheRest(t *testing.T) {
	for name, tt := range map[string]struct {
		vars  []string
		level engines.Level
		says  string
	}{
		"none":   {nil, engines.Info, "no Aurora"},
		"writer": {[]string{"aurora_version", "3.05.2", "innodb_read_only", "OFF", "read_only", "ON"}, engines.Blind, "Aurora 3.05.2, read_only ON"},
		"reader": {[]string{"aurora_version", "3.05.2", "innodb_read_only", "ON"}, engines.Block, "a reader"},
	} {
		a, err := aurora(t.Context(), vars(tt.vars...))
		if err != nil || a.Level != tt.level || !strings.Contains(a.Is, tt.says) || a.Level != engines.Info && a.Next == "" {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
}

func TestTheClocksDiffer(t *testing.T) {
	for skew, want := range map[time.Duration]engines.Level{0: engines.Pass, 999 * time.Millisecond: engines.Pass, time.Second: engines.Caution, -3 * time.Second: engines.Caution} {
		if a := skewed(skew, time.Millisecond); a.Level != want {
			t.Errorf("%s: %+v", skew, a)
		}
	}
}

// TestWhatAServerWroteItself holds what a server wrote under its own number.
func TestWhatAServerWroteItself(t *testing.T) {
	for name, tt := range map[string]struct {
		mine, theirs string
		n            float64
		which        string
		bad          bool
	}{
		"nothing":           {"0-1-25", "0-1-25", 0, "", false},
		"behind":            {"0-1-20", "0-1-25", 0, "", false},
		"one of its own":    {"0-1-20,0-2-21", "0-1-25", 1, "0-2-21", false},
		"known there":       {"0-1-20,0-2-21", "0-1-25,0-2-21", 0, "", false},
		"more than there":   {"0-2-24,0-1-20", "0-2-21", 3, "0-2-24", false},
		"two domains":       {"0-2-24,7-2-3", "0-1-30", 2, "0-2-24, 7-2-3", false},
		"another's number":  {"0-22-24", "0-1-30", 0, "", false},
		"cannot be read":    {"0-2", "", 0, "", true},
		"cannot be counted": {"0-2-x", "", 0, "", true},
	} {
		n, which, err := ownWrites(tt.mine, tt.theirs, "2")
		if n != tt.n || which != tt.which || (err != nil) != tt.bad {
			t.Errorf("%s: %v %q %v", name, n, which, err)
		}
	}
}

func TestALinkIsJudgedByItsWords(t *testing.T) {
	link := func(pairs ...string) *look {
		m := map[string]string{"Replica_IO_Running": "Yes", "Replica_SQL_Running": "Yes", "Last_IO_Errno": "0", "Last_SQL_Errno": "0", "SQL_Delay": "0", "Until_Condition": "None",
			"Seconds_Behind_Source": "0"}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		k := vars()
		k.me.links = []map[string]string{m}
		return k
	}
	for name, tt := range map[string]struct {
		k     *look
		level engines.Level
		says  string
	}{
		"runs":       {link(), engines.Pass, "io Yes, sql Yes"},
		"connecting": {link("Replica_IO_Running", "Connecting"), engines.Block, "io Connecting"},
		"preparing":  {link("Replica_IO_Running", "Preparing"), engines.Block, "io Preparing"},
		"duplicate":  {link("Replica_SQL_Running", "No", "Last_SQL_Errno", "1062"), engines.Block, "error 1062"},
		"purged":     {link("Replica_IO_Running", "No", "Last_IO_Errno", "13114"), engines.Block, "error 13114"},
	} {
		a, err := linkRuns(t.Context(), tt.k)
		if err != nil || a.Level != tt.level || !strings.Contains(a.Is, tt.says) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
	for secs, want := range map[string]engines.Level{"": engines.Block, "-1": engines.Block, "0": engines.Pass, "10": engines.Pass, "11": engines.Caution, "30": engines.Caution, "31": engines.Block} {
		if a, err := lagReal(t.Context(), link("Seconds_Behind_Source", secs)); err != nil || a.Level != want {
			t.Errorf("%q s: %+v, %v", secs, a, err)
		}
	}
	// MY23: a link that stands still may be forgotten only with all of this.
	k := link("Replica_IO_Running", "No", "Replica_SQL_Running", "No", "Source_Host", "b", "Relay_Source_Log_File", "binlog.000001", "Exec_Source_Log_Pos", "4")
	if a, _ := coordinatesKept(t.Context(), k); a.Level != engines.Block || !strings.Contains(a.Is, "freeze_position, the run's reverse_position") {
		t.Errorf("%+v", a)
	}
	k.in.Vars = map[string]string{varPosition: "u:1-5", varToFile: "u:1-5"}
	if a, _ := coordinatesKept(t.Context(), k); a.Level != engines.Pass {
		t.Errorf("%+v", a)
	}
}

func TestHowMuchOfACounterIsUsed(t *testing.T) {
	for kind, tt := range map[string]struct {
		next uint64
		want float64
	}{
		"id tinyint unsigned":     {250, 249.0 / 255},
		"id tinyint":              {128, 1},
		"id int(10) unsigned":     {1, 0},
		"id int(11)":              {1 << 30, (1<<30 - 1) / float64(1<<31-1)},
		"id bigint(20) unsigned":  {1 << 63, 0.5},
		"id mediumint":            {1 << 22, (1<<22 - 1) / float64(1<<23-1)},
		"id something":            {0, 0},
		"id smallint(5) unsigned": {65536, 1},
	} {
		if got := usedUp(kind, tt.next); got < tt.want-1e-6 || got > tt.want+1e-6 {
			t.Errorf("%s at %d: %v, want %v", kind, tt.next, got, tt.want)
		}
	}
}

// TestOneThingInTwoSpellings holds what versions of one product print otherwise.
func TestOneThingInTwoSpellings(t *testing.T) {
	str := func(s string) *string { return &s }
	my, maria := dialect{}, dialect{maria: true}
	col := func(d dialect, typ, null, cs, coll, extra string, def *string) columnRow {
		return canonicalColumn(d, []*string{str("c"), &typ, &null, &cs, &coll, &extra, def})
	}
	for name, pair := range map[string][2]columnRow{
		"display width":          {col(my, "int(11)", "YES", "", "", "", nil), col(my, "int", "YES", "", "", "", nil)},
		"unsigned":               {col(my, "bigint(20) unsigned", "YES", "", "", "", nil), col(my, "bigint unsigned", "YES", "", "", "", nil)},
		"year":                   {col(my, "year(4)", "YES", "", "", "", nil), col(my, "year", "YES", "", "", "", nil)},
		"utf8":                   {col(my, "text", "YES", "utf8", "utf8_general_ci", "", nil), col(my, "text", "YES", "utf8mb3", "utf8mb3_general_ci", "", nil)},
		"now":                    {col(my, "timestamp", "NO", "", "", "on update CURRENT_TIMESTAMP", str("CURRENT_TIMESTAMP")), col(my, "timestamp", "NO", "", "", "DEFAULT_GENERATED on update CURRENT_TIMESTAMP", str("CURRENT_TIMESTAMP"))},
		"now of MariaDB":         {col(maria, "timestamp", "NO", "", "", "on update current_timestamp()", str("current_timestamp()")), col(maria, "timestamp", "NO", "", "", "on update CURRENT_TIMESTAMP", str("current_timestamp"))},
		"no default of MariaDB":  {col(maria, "int", "YES", "", "", "", str("NULL")), col(maria, "int", "YES", "", "", "", nil)},
		"stored under two names": {col(maria, "int", "YES", "", "", "PERSISTENT GENERATED", nil), col(maria, "int", "YES", "", "", "STORED GENERATED", nil)},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %+v and %+v", name, pair[0], pair[1])
		}
	}
	for name, pair := range map[string][2]columnRow{
		"boolean":         {col(my, "tinyint(1)", "YES", "", "", "", nil), col(my, "tinyint", "YES", "", "", "", nil)},
		"filled up":       {col(my, "int(5) unsigned zerofill", "YES", "", "", "", nil), col(my, "int(6) unsigned zerofill", "YES", "", "", "", nil)},
		"letters of enum": {col(my, "enum('a')", "YES", "", "", "", nil), col(my, "enum('A')", "YES", "", "", "", nil)},
		"digits of now":   {col(my, "datetime(6)", "YES", "", "", "", str("CURRENT_TIMESTAMP(6)")), col(my, "datetime(6)", "YES", "", "", "", str("CURRENT_TIMESTAMP(3)"))},
		"word as a text":  {col(maria, "varchar(9)", "YES", "", "", "", str("'NULL'")), col(maria, "varchar(9)", "YES", "", "", "", str("NULL"))},
		"null":            {col(my, "int", "YES", "", "", "", nil), col(my, "int", "NO", "", "", "", nil)},
		"empty default":   {col(my, "varchar(9)", "NO", "", "", "", str("")), col(my, "varchar(9)", "NO", "", "", "", nil)},
		"char of utf8mb4": {col(my, "text", "YES", "utf8mb4", "utf8mb4_bin", "", nil), col(my, "text", "YES", "utf8", "utf8_bin", "", nil)},
	} {
		if pair[0] == pair[1] {
			t.Errorf("%s: both are %+v", name, pair[0])
		}
	}
	if canonicalRule("on update NO ACTION, on delete RESTRICT") != "on update RESTRICT, on delete RESTRICT" {
		t.Error("one rule under two names")
	}
	if got := canonicalCode("  create\n\tprocedure  utf8_bin "); got != "create procedure utf8mb3_bin" {
		t.Errorf("%q", got)
	}
}

// TestColumnsArePlaces: rows are logged by place, so order and shape stop the
// replication, and the rest does not.
func TestColumnsArePlaces(t *testing.T) {
	c := func(name, shape, meaning string, filled bool) columnRow {
		return columnRow{name, shape, meaning, filled}
	}
	id, qty, note := c("id", "int not null", "auto_increment", true), c("qty", "int", "", true), c("note", "text", "", true)
	strictNote := c("note", "text not null", "", false)
	for name, tt := range map[string]struct {
		mine, theirs []columnRow
		expected     []string
		hard, soft   int
	}{
		"alike":              {[]columnRow{id, qty}, []columnRow{id, qty}, nil, 0, 0},
		"at the end":         {[]columnRow{id, qty, note}, []columnRow{id, qty}, nil, 0, 1},
		"meant so":           {[]columnRow{id, qty, note}, []columnRow{id, qty}, []string{"column t.note"}, 0, 0},
		"without a default":  {[]columnRow{id, qty, strictNote}, []columnRow{id, qty}, []string{"column t.note"}, 1, 0},
		"in the middle":      {[]columnRow{id, note, qty}, []columnRow{id, qty}, []string{"column t.note"}, 1, 0},
		"missing":            {[]columnRow{id}, []columnRow{id, qty}, nil, 1, 0},
		"another type":       {[]columnRow{id, c("qty", "bigint", "", true)}, []columnRow{id, qty}, nil, 1, 0},
		"another default":    {[]columnRow{id, c("qty", "int", "default '1'", true)}, []columnRow{id, qty}, nil, 0, 1},
		"renamed":            {[]columnRow{id, c("amount", "int", "", true)}, []columnRow{id, qty}, nil, 1, 0},
		"two of three apart": {[]columnRow{c("id", "bigint", "", true), c("qty", "bigint", "", true)}, []columnRow{id, qty}, nil, 2, 0},
	} {
		hard, soft := tableDiffs(map[string][]columnRow{"t": tt.mine}, map[string][]columnRow{"t": tt.theirs}, tt.expected)
		if len(hard) != tt.hard || len(soft) != tt.soft {
			t.Errorf("%s: %q, %q", name, hard, soft)
		}
	}
	hard, soft := tableDiffs(map[string][]columnRow{"a": {id}}, map[string][]columnRow{"b": {id}}, nil)
	if !slices.Equal(hard, []string{"table b is on {there} only"}) || !slices.Equal(soft, []string{"table a is on {here} only"}) {
		t.Errorf("%q, %q", hard, soft)
	}
	if hard, soft = tableDiffs(map[string][]columnRow{"a": {id}}, map[string][]columnRow{"b": {id}}, []string{"table a", "table b"}); len(hard)+len(soft) > 0 {
		t.Errorf("%q, %q", hard, soft)
	}
}

func TestModesAreASet(t *testing.T) {
	for _, tt := range []struct{ here, there, want string }{
		{"A,B", "B,A", ""},
		{"A", "A,B", "sql_mode lacks B"},
		{"", "A", "sql_mode lacks A"},
		{"A,C", "A,B", "sql_mode lacks B; sql_mode has besides C"},
	} {
		if got := strings.Join(modeDiff(tt.here, tt.there), "; "); got != tt.want {
			t.Errorf("%s against %s: %q", tt.here, tt.there, got)
		}
	}
}

// TestALogin holds why a login that works on one side fails on the other.
func TestALogin(t *testing.T) {
	good := login{user: "app", host: "%", plugin: "caching_sha2_password", verifier: "s1"}
	native := login{user: "app", host: "%", plugin: "mysql_native_password", verifier: "*1"}
	for name, tt := range map[string]struct {
		here, there login
		want        string
	}{
		"the same":       {good, good, ""},
		"another salt":   {login{plugin: good.plugin, verifier: "s2"}, good, ""},
		"another hash":   {login{plugin: native.plugin, verifier: "*2"}, native, "another password"},
		"none":           {login{plugin: good.plugin}, good, "no password"},
		"locked":         {login{plugin: good.plugin, verifier: "s1", locked: true}, good, "locked"},
		"locked on both": {login{plugin: good.plugin, verifier: "s1", locked: true}, login{plugin: good.plugin, verifier: "s1", locked: true}, ""},
		"other plugin":   {native, good, "logs in by"},
		"tls":            {login{plugin: good.plugin, verifier: "s1", tls: "ANY"}, good, "TLS"},
	} {
		if got := tt.here.unlike(tt.there); (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	if end, ok := (login{changed: at, days: 30}).ends(); !ok || !end.Equal(at.AddDate(0, 0, 30)) {
		t.Errorf("%v %v", end, ok)
	}
	if _, ok := (login{changed: at}).ends(); ok {
		t.Error("a password without an end ends")
	}
}

func TestNamesOfFolders(t *testing.T) {
	for in, want := range map[string]string{"shop": "shop", "my@002dshop": "my-shop", "caf@00e9": "café", "a@zz": "a@zz", "@00": "@00"} {
		if got := fileName(in); got != want {
			t.Errorf("%s: %q", in, got)
		}
	}
	if u, h := splitAccount(`'o'@'b'@'10.%'`); u != "o'@'b" || h != "10.%" {
		t.Errorf("%s %s", u, h)
	}
	e := func(a, b string) []*string { return []*string{&a, &b} }
	if got := reach([]string{"r1"}, [][]*string{e("r1", "r2"), e("r2", "u"), e("u", "r1"), e("x", "y")}); !slices.Equal(got, []string{"r1", "r2", "u"}) {
		t.Errorf("%q", got)
	}
}
