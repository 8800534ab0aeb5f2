package postgres

// GaugeNames lists the gauges of this engine's Reader, for lint.
func (Planner) GaugeNames() []string {
	return []string{
		"lag_seconds", "behind_bytes", "retained_bytes", "slot_state", "wal_room_minutes", "spill_bytes",
		"oldest_writer_seconds", "prepared_count", "app_sessions_count", "connections_count", "writes_rate",
		"table_count", "row_estimate_count", "worker_state", "pending_tables_count", "apply_errors_count", "sequences_behind_count",
		"rev_lag_seconds", "rev_behind_bytes", "rev_slot_state", "rev_worker_state", "rev_apply_errors_count",
	}
}
