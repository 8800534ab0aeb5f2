package mysql

import (
	"context"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/preflight"
)

// rightChecks ask for each right by itself, so that the answer to a missing one
// is a GRANT and not "take root".
func rightChecks() []check {
	row := func(id, title, cause string, mysql, maria []string) check {
		return check{ID: "G10/" + id, Title: title, Waive: engines.SecondPerson, Want: "granted on everything", Cause: cause,
			Ask: func(_ context.Context, k *look) (answer, error) {
				want := mysql
				if k.me.l.d.maria {
					want = maria
				}
				return mayAll(k, want), nil
			}}
	}
	return []check{
		row("freeze", "Right to close a side", "The freeze sets read_only, and the abort takes it back.",
			[]string{"SYSTEM_VARIABLES_ADMIN"}, []string{"READ_ONLY ADMIN"}),
		row("sessions", "Right to end sessions", "A session that cannot be ended is a writer that stays.",
			[]string{"CONNECTION_ADMIN"}, []string{"CONNECTION ADMIN"}),
		row("link", "Right to make and stop links", "Each side takes one link: green the way there, blue the way back.",
			[]string{"REPLICATION_SLAVE_ADMIN"}, []string{"REPLICATION SLAVE ADMIN"}),
		row("unlogged", "Right to write past the log", "Counters are raised on one side alone; in the log they would travel to the other.",
			[]string{"SYSTEM_VARIABLES_ADMIN"}, []string{"BINLOG ADMIN"}),
		row("reset", "Right to empty a side's own log", "The copy begins with what the other side has done, and with nothing else.",
			[]string{"RELOAD"}, []string{"RELOAD"}),
		row("accounts", "Right to make the replication's account", "A step makes the account that the links log in with, and drops it in the end.",
			[]string{"CREATE USER", "REPLICATION SLAVE"}, []string{"CREATE USER", "REPLICATION SLAVE"}),
		{ID: "G10/control", Title: "Right to create the control schema", Waive: engines.SecondPerson, Want: "ALL on " + ControlSchema,
			Cause: "The token that proves the catch-up travels through a table of ours.", Next: "GRANT ALL ON " + ControlSchema + ".* TO {own} on {here}", Ask: mayControl},
		{ID: "G10/counters", Title: "Right to raise counters", Waive: engines.SecondPerson, Want: "SELECT, INSERT, CREATE and ALTER on every schema", Needs: needTables,
			Cause: "ALTER TABLE … AUTO_INCREMENT asks for all of these.", Ask: mayAlter},
	}
}

// mayAll: SUPER and ALL PRIVILEGES hold what was split off from them later.
func mayAll(k *look, want []string) answer {
	var lack []string
	for _, w := range want {
		if !k.me.rights.global(w) && (k.me.l.d.maria || !k.me.rights.global("SUPER") || !strings.Contains(w, "_ADMIN")) {
			lack = append(lack, w)
		}
	}
	if len(lack) > 0 {
		return preflight.Says(engines.Block, "not granted: "+strings.Join(lack, ", "), "GRANT "+strings.Join(lack, ", ")+" ON *.* TO {own} on {here}")
	}
	return answer{Level: engines.Pass, Is: strings.Join(want, ", ")}
}

func mayControl(_ context.Context, k *look) (answer, error) {
	var lack []string
	for _, w := range []string{"CREATE", "DROP", "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE ROUTINE", "ALTER ROUTINE", "EXECUTE"} {
		if !k.me.rights.schema(w, ControlSchema) {
			lack = append(lack, w)
		}
	}
	if len(lack) > 0 {
		return answer{Level: engines.Block, Is: "not granted: " + strings.Join(lack, ", ")}, nil
	}
	return preflight.Passed("granted")
}

func mayAlter(_ context.Context, k *look) (answer, error) {
	var lack []string
	for _, s := range k.me.schemas {
		for _, w := range []string{"SELECT", "INSERT", "CREATE", "ALTER"} {
			if !k.me.rights.schema(w, s) {
				lack = append(lack, s)
				break
			}
		}
	}
	a := preflight.Found(engines.Block, lack)
	if len(lack) > 0 {
		a.Is, a.Next = "not on "+a.Is, "GRANT SELECT, INSERT, CREATE, ALTER ON "+ident(lack[0])+".* TO {own} on {here}"
	}
	return a, nil
}
