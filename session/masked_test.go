package session

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
)

// said is a server's error as an engine keeps it.
type said struct {
	text  string
	whole bool
}

func (e said) Error() string             { return e.text }
func (e said) SQLState() string          { return "42P06" }
func (e said) Whole() bool               { return e.whole }
func (e said) Fields() map[string]string { return map[string]string{"number": "1007"} }

// TestAnErrorInTheRecord: the server's code always, and whether anything it said was
// left out; of an error that no server sent nobody can say.
func TestAnErrorInTheRecord(t *testing.T) {
	wrapped := func(err error) error { return &engines.Error{Op: "run a statement", Object: "blue", Err: err} }
	for _, tt := range []struct {
		name   string
		err    error
		code   string
		masked bool
	}{
		{"whole", wrapped(said{"schema exists", true}), "42P06", false},
		{"something was dropped", wrapped(fmt.Errorf("twice: %w", said{"bad value", false})), "42P06", true},
		{"longer than a line keeps", said{strings.Repeat("x", 1<<20), true}, "42P06", true},
		{"no text", said{"\xff", true}, "42P06", true},
		{"not a server's", wrapped(errors.New("connection lost")), "", true},
	} {
		e := maskedError(tt.err)
		class, fields := "engine", map[string]string(nil)
		if tt.code != "" {
			class, fields = "sqlstate", map[string]string{"number": "1007"}
		}
		if e.Class != class || e.Code != tt.code || e.Masked != tt.masked || e.Message == "" || !maps.Equal(e.Fields, fields) {
			t.Errorf("%s: %+v", tt.name, e)
		}
	}
}
