package engines_test

import (
	"testing"

	"github.com/turquoise-db/turquoise/engines"
)

// TestAnIdentityNamesItsPlace: what was dialled over a path has no port.
func TestAnIdentityNamesItsPlace(t *testing.T) {
	for want, id := range map[string]engines.Identity{
		"postgres 15.20 orders:5432/app id 731 as turquoise":                       {Engine: "postgres", Version: "15.20", Host: "orders", Port: 5432, Database: "app", System: "731", Login: "turquoise"},
		"mysql 9.7.4 orders:3306 id uuid as turquoise@%":                           {Engine: "mysql", Version: "9.7.4", Host: "orders", Port: 3306, System: "uuid", Login: "turquoise@%"},
		"haproxy 2.6.12 /run/haproxy/admin.sock id node@unix:/run/x.sock as admin": {Engine: "haproxy", Version: "2.6.12", Host: "/run/haproxy/admin.sock", System: "node@unix:/run/x.sock", Login: "admin"},
	} {
		if got := id.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
