package pgbouncer

import (
	"testing"

	"github.com/turquoise-db/turquoise/engines"
)

func tableOf(columns []string, rows ...[]string) table {
	t := table{columns: columns}
	for _, r := range rows {
		row := make([]*string, len(r))
		for i := range r {
			row[i] = &r[i]
		}
		t.rows = append(t.rows, row)
	}
	return t
}

// TestFindingsOfThePooler: each check passes, fails and says when it could not look.
func TestFindingsOfThePooler(t *testing.T) {
	config := func(kv ...string) table {
		tab := tableOf([]string{"key", "value"})
		for i := 0; i < len(kv); i += 2 {
			tab.rows = append(tab.rows, []*string{&kv[i], &kv[i+1]})
		}
		return tab
	}
	sizes := []string{"name", "min_pool_size"}
	for name, tt := range map[string]struct {
		is   engines.Finding
		want engines.Level
	}{
		"one process":     {processes(config("so_reuseport", "0", "peer_id", "0"), nil), engines.Pass},
		"before peers":    {processes(config("so_reuseport", "0"), nil), engines.Pass},
		"shared port":     {processes(config("so_reuseport", "1", "peer_id", "0"), nil), engines.Block},
		"peers":           {processes(config("so_reuseport", "0", "peer_id", "2"), nil), engines.Block},
		"no setting":      {processes(config(), nil), engines.Blind},
		"no extra logins": {extraLogins(tableOf(sizes, []string{"app", "0"}, []string{"pgbouncer", "9"}), nil), engines.Pass},
		"extra logins":    {extraLogins(tableOf(sizes, []string{"app", "2"}), nil), engines.Caution},
		"not told":        {extraLogins(tableOf([]string{"name"}, []string{"app"}), nil), engines.Info},
		"retry soon":      {loginRetry(config("server_login_retry", "0.1"), nil), engines.Pass},
		"retry late":      {loginRetry(config("server_login_retry", "1"), nil), engines.Caution},
		"short wait":      {waitTimeout(config("query_wait_timeout", "39"), nil, "20s"), engines.Block},
		"endless wait":    {waitTimeout(config("query_wait_timeout", "0"), nil, "20s"), engines.Block},
		"long wait":       {waitTimeout(config("query_wait_timeout", "40"), nil, "20s"), engines.Pass},
		"somebody paused": {paused(tableOf([]string{"name", "paused"}, []string{"app", "1"}), nil), engines.Block},
		"session mode":    {poolMode(tableOf([]string{"name", "pool_mode"}, []string{"app", "session"}), nil, table{}, nil, "app"), engines.Block},
	} {
		if tt.is.Level != tt.want {
			t.Errorf("%s: %+v; want level %d", name, tt.is, tt.want)
		}
	}
}
