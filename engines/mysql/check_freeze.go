package mysql

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/preflight"
)

// freezeChecks look for what the freeze would not hold, or would wait for.
func freezeChecks() []check {
	return []check{
		{ID: "MY11", Title: "read_only will hold", Needs: needAccounts, Waive: engines.SecondPerson, Want: "nobody but {own} and admins passes read_only",
			Cause: "A privileged account writes on in spite of read_only.", Ask: readOnlyHolds},
		{ID: "MY12", Title: "Nothing long in flight", On: preflight.From, Needs: needProcess, Waive: engines.SecondPerson, Want: "no transaction older than 15 s",
			Cause: "SET GLOBAL read_only waits for a long statement, and every other writer waits behind it; a long transaction is rolled back at the freeze.",
			Next:  "let it end before the window, or end it by its id", Ask: longTransactions},
		{ID: "MY12/xa", Title: "No prepared transaction", On: preflight.From, Needs: needProcess, Want: "0 rows of XA RECOVER",
			Cause: "XA COMMIT passes read_only, and ending the session does not end the transaction: it may commit behind the freeze.",
			Next:  "let its transaction manager decide it: XA COMMIT or XA ROLLBACK on {here}", Ask: prepared},
		{ID: "MY12/locks", Title: "No locked table", On: preflight.From, Waive: engines.SecondPerson, Want: "0 locks of LOCK TABLES, nobody waits for one",
			Cause: "SET GLOBAL read_only waits behind a locked table, and every other writer waits too.", Next: "let the session end, or end it by its id", Ask: lockedTables},
		{ID: "MY13", Title: "Events run on one side", Needs: needCode, Waive: engines.SecondPerson, Want: "no event that would run on the side without the writes",
			Cause: "An event that runs on both sides does its work twice; what it writes on the new side makes the sides differ.", Ask: eventsOnce},
		{ID: "MY26", Title: "No automation interferes", Waive: engines.SecondPerson, Needs: needProcess, Want: "no semi-synchronous replication, no group, no failover tool at work",
			Cause: "A tool that sees a read-only primary promotes another server, in the middle of the window.", Ask: automation},
	}
}

// passes are the rights with which an account writes in spite of read_only. From
// 10.11 on MariaDB asks for READ_ONLY ADMIN alone.
func (d dialect) passes() []string {
	if d.maria {
		return []string{"READ_ONLY ADMIN"}
	}
	return []string{"SUPER", "CONNECTION_ADMIN"}
}

// privileged lists accounts that hold one of some rights, by a role too. Locked
// accounts and roles by themselves cannot log in.
func (k *look) privileged(ctx context.Context, rights []string) ([]string, error) {
	holders, err := k.me.names(ctx, `SELECT DISTINCT grantee FROM information_schema.user_privileges WHERE privilege_type IN (`+list(rights)+`) ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	edges := `SELECT CONCAT('''', from_user, '''@''', from_host, ''''), CONCAT('''', to_user, '''@''', to_host, '''') FROM mysql.role_edges`
	usable := `SELECT CONCAT('''', user, '''@''', host, '''') FROM mysql.user WHERE account_locked = 'N'`
	if k.me.l.d.maria {
		edges = `SELECT CONCAT('''', role, '''@'''''), CONCAT('''', user, '''@''', host, '''') FROM mysql.roles_mapping`
		usable = `SELECT CONCAT('''', user, '''@''', host, '''') FROM mysql.global_priv WHERE JSON_VALUE(priv, '$.account_locked') IS NOT TRUE AND JSON_VALUE(priv, '$.is_role') IS NOT TRUE`
	}
	if k.me.l.d.maria { // user_privileges does not list roles there
		if holders, err = k.rolesWith(ctx, holders, rights); err != nil {
			return nil, err
		}
	}
	members, err := k.me.rows(ctx, edges)
	if err != nil {
		return nil, err
	}
	log, err := k.me.names(ctx, usable)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(reach(holders, members), func(a string) bool { return !slices.Contains(log, a) }), nil
}

// rolesWith adds the roles that hold one of some rights themselves.
func (k *look) rolesWith(ctx context.Context, holders, rights []string) ([]string, error) {
	roles, err := k.me.names(ctx, `SELECT user FROM mysql.user WHERE is_role = 'Y' ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	for _, r := range roles {
		g, err := k.me.grantsOf(ctx, lit(r))
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(rights, g.global) {
			holders = append(holders, lit(r)+"@''")
		}
	}
	return holders, nil
}

// reach adds to holders of a right those to whom they are granted as roles.
func reach(holders []string, edges [][]*string) []string {
	out := slices.Clone(holders)
	for i := 0; i < len(out); i++ {
		for _, e := range edges {
			if text(e, 0) == out[i] && !slices.Contains(out, text(e, 1)) {
				out = append(out, text(e, 1))
			}
		}
	}
	slices.Sort(out)
	return out
}

// readOnlyHolds: on MySQL the freeze sets super_read_only too, which nobody
// passes; until then a privileged session is only ended, and may come again.
// Accounts that log in on the server's own host alone are its administrators'.
func readOnlyHolds(ctx context.Context, k *look) (answer, error) {
	who, err := k.privileged(ctx, k.me.l.d.passes())
	if err != nil {
		return answer{}, err
	}
	known := append([]string{k.p.own, k.p.repl}, k.p.Lists["admins"]...)
	var far, near []string
	for _, a := range who {
		user, host := splitAccount(a)
		switch {
		case slices.Contains(known, user):
		case host == "localhost" || host == "127.0.0.1" || host == "::1":
			near = append(near, user+"@"+host)
		default:
			far = append(far, user+"@"+host)
		}
	}
	right := strings.Join(k.me.l.d.passes(), " or ")
	switch {
	case len(far) > 0:
		return preflight.Says(engines.Block, "may write in spite of read_only ("+right+"), "+preflight.Few(far),
			"REVOKE "+k.me.l.d.pick("CONNECTION_ADMIN, SUPER", "READ_ONLY ADMIN")+" ON *.* FROM it on {here}, or name its user in admins and see that it stays away"), nil
	case len(near) > 0:
		return preflight.Says(engines.Caution, "on the server itself only, "+preflight.Few(near), "agree that nobody works with it on {here} during the window"), nil
	}
	return preflight.Passed("nobody but " + strings.Join(known, ", "))
}

// splitAccount takes 'user'@'host' apart.
func splitAccount(s string) (user, host string) {
	i := strings.LastIndex(s, "'@'")
	if i < 1 {
		return s, ""
	}
	return s[1:i], strings.TrimSuffix(s[i+3:], "'")
}

// heavy is where a rollback takes longer than to let the transaction go on.
const heavy = 1000000

func longTransactions(ctx context.Context, k *look) (answer, error) {
	limit := k.p.Duration("long_writer", 15*time.Second)
	rows, err := k.me.rows(ctx, `SELECT COALESCE(p.user, 'a prepared transaction'), t.trx_mysql_thread_id, TIMESTAMPDIFF(SECOND, t.trx_started, NOW()), t.trx_rows_modified, t.trx_weight
 FROM information_schema.innodb_trx t LEFT JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
 WHERE t.trx_mysql_thread_id <> CONNECTION_ID() AND t.trx_started < NOW() - INTERVAL `+strconv.FormatInt(limit.Microseconds(), 10)+` MICROSECOND
 AND COALESCE(p.user, '') NOT IN (`+list([]string{k.p.own, "system user"})+`) ORDER BY t.trx_started`)
	if err != nil {
		return answer{}, err
	}
	var names []string
	heaviest := 0
	for _, r := range rows {
		names = append(names, fmt.Sprintf("%s (id %s, %s s, %s rows changed)", text(r, 0), text(r, 1), text(r, 2), text(r, 3)))
		w, err := strconv.Atoi(text(r, 4))
		if err != nil {
			return answer{}, k.me.fail(errNumber)
		}
		heaviest = max(heaviest, w)
	}
	a := preflight.Found(engines.Caution, names)
	if heaviest > heavy {
		a.Next = "wait until it ends: to roll it back takes longer than to let it go on"
	}
	return a, nil
}

// prepared also counts what InnoDB holds without a session: an account may be
// shown fewer rows of XA RECOVER than there are.
func prepared(ctx context.Context, k *look) (answer, error) {
	res, err := k.me.ask(ctx, "XA RECOVER")
	if isDenied(err) {
		return preflight.Says(engines.Blind, "{own} may not list prepared transactions", "GRANT XA_RECOVER_ADMIN ON *.* TO {own} on {here}"), nil
	}
	if err != nil {
		return answer{}, err
	}
	row, err := k.me.row(ctx, "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = 0")
	if err != nil {
		return answer{}, err
	}
	loose, err := strconv.Atoi(text(row, 0))
	if err != nil {
		return answer{}, k.me.fail(errNumber)
	}
	if n := max(len(res.Rows), loose); n > 0 {
		return answer{Level: engines.Block, Is: strconv.Itoa(n) + " prepared transactions"}, nil
	}
	return preflight.Passed("0")
}

// lockedTables: where the list of locks is empty by default, nothing is known.
func lockedTables(ctx context.Context, k *look) (answer, error) {
	if eye, err := eyes(ctx, k); err != nil || eye.Level != engines.Pass {
		return preflight.Says(engines.Caution, "not looked at: "+eye.Is, eye.Next), err
	}
	names, err := k.me.names(ctx, `SELECT CONCAT(m.object_schema, '.', m.object_name, ' (', IF(m.lock_status = 'PENDING', 'waited for', 'locked'), ' by ',
  COALESCE(t.processlist_user, 'the server'), ', id ', COALESCE(t.processlist_id, 0), ')')
 FROM performance_schema.metadata_locks m LEFT JOIN performance_schema.threads t ON t.thread_id = m.owner_thread_id
 WHERE m.object_type = 'TABLE' AND m.object_schema NOT IN (`+notUsers+`)
  AND (m.lock_status = 'PENDING' OR m.lock_type IN ('SHARED_NO_READ_WRITE', 'SHARED_READ_ONLY')) ORDER BY 1`)
	return preflight.Found(engines.Caution, names), err
}

// eventsOnce: events that came by replication are disabled under one of two
// names, and are turned on again after the switch.
func eventsOnce(ctx context.Context, k *look) (answer, error) {
	rows, err := k.me.rows(ctx, `SELECT CONCAT(event_schema, '.', event_name), status FROM information_schema.events WHERE event_schema NOT IN (`+notUsers+`) ORDER BY 1`)
	if err != nil {
		return answer{}, err
	}
	var on, waiting []string
	for _, r := range rows {
		switch text(r, 1) {
		case "ENABLED":
			on = append(on, text(r, 0))
		case "REPLICA_SIDE_DISABLED", "SLAVESIDE_DISABLED":
			waiting = append(waiting, text(r, 0))
		}
	}
	runs := k.me.variable("event_scheduler") == "ON"
	switch {
	case runs && len(on) > 0 && k.in.On == k.in.To:
		return preflight.Says(engines.Block, "these would run here too, "+preflight.Few(on), "SET GLOBAL event_scheduler = OFF on {here} until the switch, and keep it in the option file"), nil
	case runs && len(on) > 0 && k.me.l.d.maria:
		return preflight.Says(engines.Caution, "events run, "+preflight.Few(on), "have an account with SUPER at hand: MariaDB takes the scheduler's switch from nobody else"), nil
	case runs && len(on) > 0:
		return answer{Level: engines.Info, Is: "the window stops " + preflight.Few(on)}, nil
	case len(waiting) > 0:
		return answer{Level: engines.Pass, Is: "to be turned on after the switch, " + preflight.Few(waiting)}, nil
	}
	return preflight.Passed("none runs here")
}

// failoverTools are accounts of programs that promote servers by themselves.
func failoverTools() []string {
	return []string{"orchestrator", "orc_client_user", "mysync", "mha", "replication-manager", "maxscale", "maxscale-monitor", "mysqlrouter"}
}

// automation tells what SQL shows; for the rest somebody has to answer.
func automation(ctx context.Context, k *look) (answer, error) {
	var seen []string
	for _, n := range []string{"rpl_semi_sync_source_enabled", "rpl_semi_sync_master_enabled", "rpl_semi_sync_replica_enabled", "rpl_semi_sync_slave_enabled", "wsrep_on"} {
		if k.me.variable(n) == "ON" {
			seen = append(seen, n+" = ON")
		}
	}
	if !k.me.l.d.maria {
		members, err := k.me.names(ctx, "SELECT CONCAT('group member ', member_host, ' ', member_state) FROM performance_schema.replication_group_members WHERE member_state <> 'OFFLINE' AND member_id <> ''")
		if err != nil && !isDenied(err) {
			return answer{}, err
		}
		seen = append(seen, members...)
	}
	tools, err := k.me.names(ctx, `SELECT DISTINCT CONCAT('session of ', user) FROM information_schema.processlist WHERE user IN (`+list(failoverTools())+`) ORDER BY 1`)
	if err != nil {
		return answer{}, err
	}
	switch seen = append(seen, tools...); {
	case len(seen) > 0:
		return preflight.Says(engines.Block, preflight.Few(seen), "set it to maintenance or turn it off, on {here}, until the way back is closed"), nil
	case k.p.Params["automation"] == "":
		return preflight.Says(engines.Caution, "none that SQL shows; nobody has said whether orchestrator, mysync or the like watch {here}",
			"set parameter automation to none, or to what was paused and by whom"), nil
	}
	return preflight.Passed("none that SQL shows; said by the operator: " + k.p.Params["automation"])
}
