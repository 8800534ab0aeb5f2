package session_test

import (
	"slices"
	"testing"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/session"
)

// TestADoubtfulPlaceIsTold: on the screen and in the record, once, when a session
// begins; of a place that nobody looked at nothing is said.
func TestADoubtfulPlaceIsTold(t *testing.T) {
	v, dir := newServers(), t.TempDir()
	cfg := config(v, dir)
	looks := 0
	cfg.Disk = func(at string) ([]audit.DiskConcern, error) {
		if looks++; at != dir {
			t.Errorf("looked at %s", at)
		}
		return []audit.DiskConcern{{ID: "space", Text: "40 MiB are free"}, {ID: "network", Text: "it is a share"}}, nil
	}
	n := begin(t, v, cfg)
	n.until(func(s session.Snapshot) bool {
		return slices.ContainsFunc(s.Alarms, func(a session.Alarm) bool {
			return a.ID == "disk:network" && a.Level == session.WarningLevel && a.Text == "it is a share"
		})
	})
	told, _ := bodies[entries.AlarmRaised](t, dir)
	if len(told) != 2 || told[0].Alarm != "disk:space" || told[0].Level != "warning" || told[0].Text != "40 MiB are free" || looks != 1 {
		t.Errorf("%d looks, the record has %+v", looks, told)
	}
	quiet := t.TempDir()
	begin(t, newServers(), config(newServers(), quiet))
	if told, _ := bodies[entries.AlarmRaised](t, quiet); len(told) != 0 {
		t.Errorf("of a place that nobody looked at: %+v", told)
	}
}
