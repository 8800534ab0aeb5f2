package postgres

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/preflight"
)

// linkChecks look at publication and subscription, as far as they are there.
func linkChecks() []check {
	return []check{
		{ID: "PG05", Title: "Every table is published", Needs: needPub, Want: "0 tables outside of the publication",
			Cause: "Rows of a table that is not published stay behind, and nothing says so.",
			Next:  "ALTER PUBLICATION … ADD TABLE on {here}, then ALTER SUBSCRIPTION … REFRESH PUBLICATION on {there}", Ask: allPublished},
		{ID: "PG05/subscribed", Title: "Every table is followed", Needs: needSub | needPeer, Want: "0 tables of both sides outside of the subscription",
			Cause: "Changes of a table that is published but not followed are dropped silently.", Next: "ALTER SUBSCRIPTION … REFRESH PUBLICATION on {here}", Ask: allFollowed},
		{ID: "PG06", Title: "The publication carries everything", Needs: needPub, Want: "insert, update, delete, truncate; no filter",
			Cause: "What is left out of the publication is missing on the other side.", Next: "ALTER PUBLICATION … SET (publish = 'insert, update, delete, truncate') on {here}, and take filters away",
			Ask: publishesAll},
		{ID: "PG07", Title: "The subscription works", On: preflight.To, Needs: needSub, Want: "enabled, every table ready, a worker",
			Cause: "Green must be in step before clients wait for it.", Ask: subscriptionWorks},
		{ID: "PG31", Title: "The links cannot send in a circle", On: preflight.To, Needs: needPeer | needSub, Want: "one direction on; from 16 on origin = none",
			Cause: "Both directions at once send each change round without end.", Ask: noCircle},
		{ID: "PG31/password", Title: "The replication role's password lasts", Want: "no end within 7 days",
			Cause: "A link whose login has expired does not come back after its next break.", Next: "ALTER ROLE … VALID UNTIL 'infinity' on {here}",
			Ask: none(engines.Block, `SELECT rolname || ' until ' || rolvaliduntil FROM pg_roles WHERE rolname = $1 AND rolvaliduntil < clock_timestamp() + '7 days'`,
				func(k *look) string { return k.p.repl })},
		{ID: "PG34", Title: "TRUNCATE stays inside the publication", Needs: needPub, Want: "0 tables that refer to it from outside",
			Cause: "TRUNCATE of a published table fails on the other side if a table that is not followed refers to it, and replication stops.",
			Next:  "publish the referring table too, or agree on no TRUNCATE until the way back is given up",
			Ask: none(engines.Caution, `WITH p AS (SELECT relid FROM pg_get_publication_tables($1) g)
SELECT k.conrelid::regclass || ' refers to ' || k.confrelid::regclass FROM pg_constraint k
 WHERE k.contype = 'f' AND k.confrelid IN (SELECT relid FROM p) AND k.conrelid NOT IN (SELECT relid FROM p) ORDER BY 1`, func(k *look) string { return k.feeds().pub })},
		{ID: "PG35", Title: "Nothing of blue's links was copied", On: preflight.To, Want: "no slot and no publication with the names of the other side's",
			Cause: "A physical copy brings slots and publications along; a slot that nobody reads fills the disk.", Next: "drop it on {here}, after a look at which server that is",
			Ask: none(engines.Block, `SELECT 'slot ' || slot_name FROM pg_replication_slots WHERE slot_name = $1 AND database = current_database()
 UNION ALL SELECT 'publication ' || quote_ident(pubname) FROM pg_publication WHERE pubname = $2`,
				func(k *look) string { return k.takes().slot }, func(k *look) string { return k.takes().pub })},
	}
}

const notPublished = `SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND ` + userRelation + `
 AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 AND NOT EXISTS (SELECT FROM pg_get_publication_tables($1) g WHERE g.relid = c.oid OR g.relid IN (SELECT relid FROM pg_partition_ancestors(c.oid))) ORDER BY 1`

const notSubscribed = `SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND ` + userRelation + `
 AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 AND NOT EXISTS (SELECT FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid
  WHERE s.subname = $1 AND (r.srrelid = c.oid OR r.srrelid IN (SELECT relid FROM pg_partition_ancestors(c.oid)))) ORDER BY 1`

// allPublished: tables that the runbook lists are a choice, so what is not
// listed is told and does not block. The publication of the way back leaves out
// what the other side does not have.
func allPublished(ctx context.Context, k *look) (answer, error) {
	names, err := k.me.names(ctx, notPublished, k.feeds().pub)
	level := engines.Block
	if k.p.chosen() || k.in.On == k.in.To {
		level = engines.Caution
	}
	return preflight.Found(level, names), err
}

// allFollowed: a table that the other side lacks has nothing to be followed.
func allFollowed(ctx context.Context, k *look) (answer, error) {
	names, err := k.me.names(ctx, notSubscribed, k.takes().sub)
	if err != nil {
		return answer{}, err
	}
	theirs, err := k.peer.pairs(ctx, `SELECT oid::regclass, '' FROM pg_class WHERE relkind IN ('r', 'p') AND relpersistence = 'p'`)
	names = slices.DeleteFunc(names, func(n string) bool { _, ok := theirs[n]; return !ok })
	return preflight.Found(engines.Block, names), err
}

// publishesAll: the way back may carry fewer columns, for green may have more.
func publishesAll(ctx context.Context, k *look) (answer, error) {
	names, err := k.me.names(ctx, `SELECT v.n FROM pg_publication p, LATERAL (VALUES ('no insert', p.pubinsert), ('no update', p.pubupdate), ('no delete', p.pubdelete),
 ('no truncate', p.pubtruncate)) v(n, b) WHERE p.pubname = $1 AND NOT v.b
 UNION ALL SELECT CASE WHEN r.j ->> 'prqual' IS NOT NULL THEN 'rows of ' ELSE 'columns of ' END || r.t::regclass FROM pg_publication p
 JOIN LATERAL (SELECT to_jsonb(x) AS j, x.prrelid AS t FROM pg_publication_rel x WHERE x.prpubid = p.oid) r ON true
 WHERE p.pubname = $1 AND (r.j ->> 'prqual' IS NOT NULL OR r.j ->> 'prattrs' IS NOT NULL AND $2)`, k.feeds().pub, strconv.FormatBool(k.in.On == k.in.From))
	a := preflight.Found(engines.Block, names)
	if len(names) > 0 {
		a.Is = "left out, " + a.Is
	}
	return a, err
}

// states of a table in a subscription, in words.
const tableStates = `CASE r.srsubstate WHEN 'i' THEN 'not begun' WHEN 'd' THEN 'copying' WHEN 'f' THEN 'copied' WHEN 's' THEN 'catching up' ELSE 'ready' END`

func subscriptionWorks(ctx context.Context, k *look) (answer, error) {
	sub := k.takes().sub
	row, err := k.me.row(ctx, `SELECT s.subenabled, (SELECT count(*) FROM pg_stat_subscription w WHERE w.subid = s.oid AND w.relid IS NULL AND w.pid IS NOT NULL),
 coalesce((SELECT string_agg(n || ' ' || st, ', ' ORDER BY st) FROM (SELECT `+tableStates+` AS st, count(*) AS n FROM pg_subscription_rel r
  WHERE r.srsubid = s.oid AND r.srsubstate <> 'r' GROUP BY 1) x), ''),
 coalesce((SELECT extract(epoch FROM clock_timestamp() - max(w.last_msg_receipt_time))::int FROM pg_stat_subscription w WHERE w.subid = s.oid AND w.relid IS NULL), -1)
 FROM pg_subscription s WHERE s.subname = $1 AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())`, sub)
	if err != nil {
		return answer{}, err
	}
	quiet, err := strconv.Atoi(text(row, 3))
	if err != nil {
		return answer{}, k.me.fail(errNumber)
	}
	switch {
	case text(row, 0) != "t":
		return preflight.Says(engines.Block, "disabled", "read {here}'s log for the reason, repair it, then ALTER SUBSCRIPTION … ENABLE"), nil
	case text(row, 2) != "":
		return preflight.Says(engines.Block, "tables not ready: "+text(row, 2), "wait for the copy; if it stands still, the reason is in {here}'s log"), nil
	case text(row, 1) != "1":
		return preflight.Says(engines.Block, "no worker", "read {here}'s log: a worker that ends is started again every 5 s"), nil
	case quiet > maxQuiet:
		return preflight.Says(engines.Block, fmt.Sprintf("no word from {there} for %d s", quiet), "look at the sender and at the network between the servers"), nil
	}
	return subscriptionErrors(ctx, k, sub)
}

// maxQuiet is beyond what an idle link keeps silent: the sender asks for a reply
// every 30 s.
const maxQuiet = 60

// subscriptionErrors counts what went wrong since the counters were reset; a
// count that rises is the gauge's to see.
func subscriptionErrors(ctx context.Context, k *look, sub string) (answer, error) {
	if k.me.major < 15 {
		return answer{Level: engines.Pass, Is: "worker runs; errors are not counted before 15"}, nil
	}
	names, err := k.me.names(ctx, `SELECT v.key || ' = ' || v.value FROM pg_stat_subscription_stats s, LATERAL jsonb_each_text(to_jsonb(s)) v
 WHERE s.subname = $1 AND (v.key LIKE '%error_count' OR v.key LIKE 'confl%') AND v.value <> '0' ORDER BY 1`, sub)
	if len(names) > 0 {
		return preflight.Says(engines.Caution, "counted: "+strings.Join(names, ", "), "read the reason in {here}'s log; SELECT pg_stat_reset_subscription_stats(NULL) when it is settled"), err
	}
	return answer{Level: engines.Pass, Is: "worker runs, no error counted"}, err
}

// noCircle: before 16 nothing but the switch of a subscription keeps the two
// directions apart.
func noCircle(ctx context.Context, k *look) (answer, error) {
	on := func(e *eye, sub string) (bool, string, error) {
		origin := "''"
		if e.major >= 16 {
			origin = "suborigin"
		}
		rows, err := e.rows(ctx, `SELECT subenabled, `+origin+` FROM pg_subscription WHERE subname = $1 AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())`, sub)
		if err != nil || len(rows) == 0 {
			return false, "", err
		}
		return text(rows[0], 0) == "t", text(rows[0], 1), nil
	}
	there, origin, err := on(k.me, k.takes().sub)
	if err != nil {
		return answer{}, err
	}
	back, backOrigin, err := on(k.peer, k.feeds().sub)
	if err != nil {
		return answer{}, err
	}
	switch {
	case there && back:
		return preflight.Says(engines.Block, "both directions are on", "ALTER SUBSCRIPTION "+ident(k.feeds().sub)+" DISABLE on {there}"), nil
	case origin == "any" && k.peer.sub:
		return preflight.Says(engines.Block, k.takes().sub+" has origin = any", "ALTER SUBSCRIPTION "+ident(k.takes().sub)+" SET (origin = none) on {here}"), nil
	case backOrigin == "any":
		return preflight.Says(engines.Block, k.feeds().sub+" has origin = any", "ALTER SUBSCRIPTION "+ident(k.feeds().sub)+" SET (origin = none) on {there}"), nil
	}
	return answer{Level: engines.Pass, Is: "one direction"}, nil
}
