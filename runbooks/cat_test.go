package runbooks

import "slices"

// testCatalog is the house as these tests see it: the kinds and gauges that the
// language reference promises. The registry of the program is linted against
// the same catalogue where engines are known.
func testCatalog() Catalog {
	kinds := []KindInfo{{Name: "preflight"}, {Name: "probe"}, {Name: "hold"},
		{Name: "control", Stages: []string{"create", "drop"}}, {Name: "role", Stages: []string{"create", "drop"}},
		{Name: "publish", Stages: []string{"create", "drop"}}, {Name: "seed", Stages: []string{"schema", "copy"}},
		{Name: "attach", Stages: []string{"copy", "define", "start", "drop"}}, {Name: "steady", Stages: []string{"on"}},
		{Name: "guard", Stages: []string{"on", "off"}}, {Name: "reverse", Stages: []string{"publish", "define", "slot", "start", "enable", "drop"}},
		{Name: "capture"}, {Name: "freeze"}, {Name: "catchup"}, {Name: "sequences", Stages: []string{"", "margin"}},
		{Name: "compare", Stages: []string{"track", "prove", "drop"}},
		{Name: "route"}, {Name: "open"}, {Name: "detach", Stages: []string{"disable", "drop"}}, {Name: "lock"}, {Name: "close"},
		{Name: "retain"}, {Name: "quiet", Stages: []string{"on", "off"}}, {Name: "persist"},
		{Name: "load", Stages: []string{"", "drop"}}, {Name: "switch"}, {Name: "flush"},
		{Name: "ddl", Needs: []string{ArgText, ArgLeaves}}, {Name: "roundtrip"}, {Name: "backfill", Needs: []string{ArgBatch, ArgCheckpoint}},
		{Name: "sessions", Needs: []string{ArgColour}}, {Name: "fence-role", Stages: []string{"on", "off"}, Needs: []string{ArgColour}},
		{Name: "shift"}, {Name: "manual"},
		{Name: "sql", Needs: []string{"text"}}}
	reads := []string{"preflight", "probe", "hold", "sql", "manual", "shift"}
	pg := EngineInfo{Name: "postgres", Supports: func(k, _ string) bool { return !slices.Contains(reads, k) && k != "open" },
		Gauges: []string{"lag_seconds", "behind_bytes", "retained_bytes", "slot_state", "oldest_writer_seconds", "prepared_count",
			"app_sessions_count", "worker_state", "pending_tables_count", "apply_errors_count", "sequences_behind_count", "data_doubts_count",
			"rev_lag_seconds", "rev_slot_state", "rev_worker_state", "rev_apply_errors_count",
			"generation", "release_state", "conflicts_count", "soak_seconds", "unknown_sessions_count", "invalid_indexes_count", "old_uses_count",
			"blue_sessions_count", "turquoise_sessions_count", "green_sessions_count", "blue_active_count", "turquoise_active_count", "blue_login", "turquoise_login",
			"oldest_xact_seconds", "wraparound_count", "left_count", "mismatch_count", "replica_lag_seconds"}}
	pool := EngineInfo{Name: "pgbouncer", Supports: func(k, _ string) bool { return slices.Contains([]string{"freeze", "route", "open", "capture"}, k) },
		Gauges: []string{"paused_count", "query_wait_seconds"}}
	binlog := EngineInfo{Name: "mysql", Supports: func(k, stage string) bool {
		return !slices.Contains(append(reads, "publish"), k) && !(k == "reverse" && slices.Contains([]string{"slot", "publish", "enable"}, stage)) &&
			!(k == "seed" && stage == "schema") && !(k == "attach" && stage == "copy") && !(k == "sequences" && stage == "margin")
	}, Gauges: []string{"lag_seconds", "link_seconds", "log_state", "worker_state", "data_doubts_count", "apply_errors_count", "oldest_writer_seconds", "prepared_count", "app_sessions_count",
		"rev_lag_seconds", "rev_link_seconds", "rev_log_state", "rev_worker_state", "rev_apply_errors_count",
		"generation", "release_state", "conflicts_count", "soak_seconds", "unknown_sessions_count", "old_uses_count",
		"blue_sessions_count", "turquoise_sessions_count", "green_sessions_count", "blue_active_count", "turquoise_active_count", "blue_login", "turquoise_login",
		"oldest_xact_seconds", "metadata_waits_count", "row_logging", "trigger_right", "running_count", "history_length_count", "left_count", "mismatch_count"}}
	proxy := EngineInfo{Name: "haproxy", Supports: func(k, _ string) bool {
		return slices.Contains([]string{"freeze", "route", "open", "capture", "persist", "shift"}, k)
	}, Gauges: []string{"serves_side", "paused_count", "live_colour", "blue_health", "turquoise_health", "green_health",
		"turquoise_failing_rate", "green_failing_rate", "turquoise_response_seconds", "green_response_seconds"}}
	halves := EngineInfo{Name: "varnish", Supports: func(k, _ string) bool {
		return slices.Contains([]string{"capture", "load", "switch", "flush", "persist", "close"}, k)
	}, Gauges: []string{"active_side", "paused_count", "blue_sick_count", "green_sick_count", "green_unprobed_count", "blue_temperature", "green_temperature",
		"blue_connections_count", "green_connections_count", "green_failing_rate"}}
	return Catalog{Kinds: kinds, Engines: []EngineInfo{pg, pool, binlog, proxy, halves}}
}
