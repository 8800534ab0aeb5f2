package mysql

import (
	"context"

	"github.com/turquoise-db/turquoise/engines"
)

// settingChecks look at settings of the servers.
func settingChecks() []check {
	return []check{
		{id: "MY01", title: "The binary log is on", want: "log_bin ON, and what is replicated is logged too",
			cause: "Green reads blue's log, and on the way back blue reads green's; without it neither can begin.",
			next:  "set log_bin on {here}, and restart it before the copy", ask: logged},
	}
}

// logged: a side that does not log what it has applied can feed nobody: on the
// way back its own log would begin with a hole.
func logged(_ context.Context, k *look) (answer, error) {
	bin, applied := k.me.variable("log_bin"), k.me.variable("log_replica_updates", "log_slave_updates")
	is := "log_bin " + bin + ", log_replica_updates " + applied
	switch {
	case bin != "ON":
		return answer{level: engines.Block, is: is}, nil
	case applied != "ON":
		return answer{engines.Block, is, "set " + k.me.l.d.pick("log_replica_updates", "log_slave_updates") + " = ON on {here}, and restart it before the copy"}, nil
	}
	return answer{level: engines.Pass, is: is}, nil
}
