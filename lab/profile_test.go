package lab_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/lab"
)

func TestAProfileRefusesServersThatItDoesNotHave(t *testing.T) {
	for _, tt := range []struct {
		engine string
		o      lab.BenchOptions
		next   string
	}{
		{"postgres", lab.BenchOptions{Flavor: lab.FlavorMariaDB}, "leave --flavor away"},
		{"mysql", lab.BenchOptions{Flavor: "percona"}, "mysql or mariadb"},
		{"mysql", lab.BenchOptions{OldPooler: true}, "leave --old-pooler away"},
	} {
		p, err := lab.ProfileOf(tt.engine)
		if err != nil {
			t.Fatal(err)
		}
		b, err := p.Start(t.Context(), tt.o)
		var e *engines.Error
		if b != nil || !errors.As(err, &e) || !strings.Contains(e.Next, tt.next) {
			t.Errorf("%s with %+v: %v; want a refusal that says %q", tt.engine, tt.o, err, tt.next)
		}
	}
	if _, err := lab.ProfileOf("oracle"); err == nil {
		t.Error("an engine without a profile was given one")
	}
}
